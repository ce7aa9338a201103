#!/bin/sh
# Run once by PostgreSQL's image, on an empty volume: the product's own user and database. Not a superuser, whom no row-level security
# holds; CREATEROLE for the three roles that `manage.py migrate` makes.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$(cat /run/secrets/database_password)" --username postgres --no-psqlrc <<'SQL'
CREATE ROLE stationbook LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE stationbook OWNER stationbook ENCODING 'UTF8' TEMPLATE template0;
SQL
