"""The databases that Ponte knows over ODBC, by what drivers call them; the first whose name begins so is taken."""

from __future__ import annotations

from ponte.connectors.odbc.db2 import DB2, DB2_FOR_I
from ponte.connectors.odbc.mysql import MARIADB, MYSQL
from ponte.connectors.odbc.oracle import ORACLE
from ponte.connectors.odbc.postgresql import POSTGRESQL
from ponte.connectors.odbc.profiles import Profile
from ponte.connectors.odbc.sqlite import SQLITE
from ponte.connectors.odbc.sqlserver import SQLSERVER
from ponte.connectors.odbc.standard import STANDARD

_PROVEN = (POSTGRESQL, MARIADB, MYSQL, SQLITE)
_UNPROVEN = (SQLSERVER, ORACLE, DB2_FOR_I, DB2)
PROFILES: dict[str, Profile] = {profile.dbms: profile for profile in (*_PROVEN, *_UNPROVEN, STANDARD)}
