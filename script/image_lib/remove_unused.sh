#!/bin/sh
# Remove from site-packages ($1) what the image never reads: tests, files that collectstatic has copied, texts in other languages,
# geography, and data of phone numbers that no code asks for. script/image runs the product without them.
set -eu
cd "$1"
rm -rf icalendar/tests phonenumbers/carrierdata phonenumbers/geodata django/contrib/gis
rm -rf django/contrib/admin/static drf_spectacular_sidecar/static rest_framework/static
find . -name '*.po' -delete
find django django_otp auditlog rest_framework drf_spectacular -path '*/locale/*' -name '*.mo' \
    ! -path '*/locale/de/*' ! -path '*/locale/en/*' ! -path '*/locale/es/*' -delete
find babel/locale-data -name '*.dat' ! -name 'de*' ! -name 'en*' ! -name 'es*' ! -name 'root.dat' -delete
