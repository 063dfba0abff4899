"""The databases that Ponte knows over ODBC."""

from __future__ import annotations

from ponte.connectors.odbc.mysql import MARIADB, MYSQL
from ponte.connectors.odbc.postgresql import POSTGRESQL
from ponte.connectors.odbc.profiles import Profile
from ponte.connectors.odbc.sqlite import SQLITE
from ponte.connectors.odbc.standard import STANDARD

PROFILES: dict[str, Profile] = {profile.dbms: profile for profile in (POSTGRESQL, MARIADB, MYSQL, SQLITE, STANDARD)}
