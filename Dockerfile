# Stationbook as an image: web servers (the default), workers, backups and commands. It holds no secrets and is not written to: run it
# with a read-only root, /tmp as tmpfs and no capabilities, as deploy/compose.yaml does. docs/scaling.md describes what belongs around it.
# script/image builds it and runs it in this way.
ARG BASE=python:3.13.14-slim-trixie@sha256:9662417aace5ae7b8e2609cce472b72a8958e134ba372808abe9cc1a0c0125e6

FROM ${BASE} AS build
WORKDIR /app
COPY requirements.txt ./
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --no-compile --require-hashes -r requirements.txt \
    && .venv/bin/python -m pip uninstall --yes --quiet pip
COPY . ./
# Settings require keys. These are made for this command alone and are in no layer.
RUN mkdir -p var \
    && python script/server_lib/write_env.py > /tmp/env \
    && ENV_FILE=/tmp/env DATABASE_URL=sqlite:////tmp/none.sqlite3 .venv/bin/python manage.py collectstatic \
        --noinput --verbosity 0 --ignore redoc \
    && find var/static -name '*.map*' -delete \
    && rm -rf /tmp/env /tmp/none.sqlite3*
# A root that is read-only takes no bytecode later. Files of a clone made under a strict umask must be readable by the image's user.
RUN sh script/image_lib/remove_unused.sh .venv/lib/python3*/site-packages \
    && .venv/bin/python -m compileall -q -j 0 accounts bookings config core script stations .venv/lib \
    && chmod -R a+rX,go-w .

# pg_dump and pg_restore of the server's release, without the Perl that their package's wrappers need.
FROM ${BASE} AS postgresql
WORKDIR /tmp
RUN apt-get update \
    && apt-get download postgresql-client-17 \
    && dpkg --extract postgresql-client-17_*.deb /client

FROM ${BASE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpq5 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 stationbook \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin stationbook \
    && install -d -o 10001 -g 10001 -m 0700 /backups
COPY --from=postgresql /client/usr/lib/postgresql/17/bin/pg_dump /client/usr/lib/postgresql/17/bin/pg_restore /usr/lib/postgresql/17/bin/
COPY --from=build /app /app
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ENV_FILE=/dev/null \
    HOST=0.0.0.0 \
    PORT=8000
WORKDIR /app
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/app/.venv/bin/python", "/app/deploy/healthy.py"]
CMD ["/app/script/web"]
