"""`python -m ponte`: the program, where its script is not on the path."""

from ponte.cli.main import main

if __name__ == "__main__":
    main()
