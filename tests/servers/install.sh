#!/bin/sh
# Installs the servers that this project did not write and tests its rest connector against, pinned, into
# ${PONTE_CACHE:-~/.cache/ponte}. Without npm those from npm are left out. Nothing is started; what is there is kept.
set -eu

cache="${PONTE_CACHE:-$HOME/.cache/ponte}"
here="$(cd "$(dirname "$0")" && pwd)"
python="${PYTHON:-python3}"

json_server="$cache/json-server-0.17.4"
if [ ! -x "$json_server/node_modules/.bin/json-server" ]; then
    if command -v npm > /dev/null; then
        mkdir -p "$json_server"
        npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts --prefix "$json_server" json-server@0.17.4
    else
        echo "json-server is left out: npm is not here" >&2
    fi
fi

articles="$cache/article-server-2"
if [ ! -d "$articles/node_modules/@xmldom" ]; then
    if command -v npm > /dev/null; then
        mkdir -p "$articles"
        npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts --prefix "$articles" \
            graphql-yoga@5.24.1 graphql@16.15.0 jayson@5.0.0 @xmldom/xmldom@0.9.8
    else
        echo "graphql-yoga, jayson and xmldom are left out: npm is not here" >&2
    fi
fi

tryton="$cache/tryton-8.2-1"
if [ ! -f "$tryton/template/tryton.sqlite" ]; then
    "$python" -m venv "$tryton"
    "$tryton/bin/python" -m pip install --quiet --disable-pip-version-check \
        trytond==8.2.1 trytond_party==8.2.0 trytond_currency==8.2.0
    rm -rf "$tryton/making"
    mkdir -p "$tryton/making"
    : > "$tryton/making/tryton.sqlite"
    printf '[database]\nuri = sqlite://\npath = %s\n[session]\nauthentications = password\n' "$tryton/making" > "$tryton/making/trytond.conf"
    echo ponte-test > "$tryton/making/password"
    admin="$tryton/bin/trytond-admin -c $tryton/making/trytond.conf -d tryton"
    TRYTONPASSFILE="$tryton/making/password" $admin --all --email admin@example.com
    $admin -u party currency --activate-dependencies
    rm -rf "$tryton/template"
    mv "$tryton/making" "$tryton/template"
fi

oscar="$cache/oscar-api-3.3.0"
if [ ! -f "$oscar/template/token" ]; then
    "$python" -m venv "$oscar"
    "$oscar/bin/python" -m pip install --quiet --disable-pip-version-check \
        django-oscar-api==3.3.0 django-oscar==4.2.1 django==5.2.19 djangorestframework==3.18.3
    rm -rf "$oscar/making"
    mkdir -p "$oscar/making"
    (cd "$here/oscar_shop" \
        && OSCAR_FOLDER="$oscar/making" DJANGO_SETTINGS_MODULE=settings PYTHONDONTWRITEBYTECODE=1 \
            "$oscar/bin/python" -W ignore prepare.py > "$oscar/making/token")
    rm -rf "$oscar/template"
    mv "$oscar/making" "$oscar/template"
fi
