"""MariaDB and MySQL by PyMySQL (MIT, pure Python)."""
