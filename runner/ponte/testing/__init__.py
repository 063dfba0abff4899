"""What tests of Ponte, of connectors and of integrations need; shipped with it, never imported by the program."""
