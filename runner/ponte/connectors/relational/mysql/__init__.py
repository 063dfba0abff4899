"""MariaDB and MySQL whatever the driver: how they write things, their catalogue, their errors, their stages. Pure."""
