# Stationbook as an image: web servers (the default), workers and commands. Nothing in it is secret, and nothing in it is written to:
# run it with a read-only root and /tmp as tmpfs. deploy/compose.yaml shows how; docs/scaling.md says what belongs around it.
FROM python:3.13.14-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8 AS build
WORKDIR /app
COPY requirements.txt ./
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
COPY . ./
# Settings want keys. These are made for this one line, used for nothing, and are in no layer.
RUN mkdir -p var \
    && .venv/bin/python script/_write_env.py > /tmp/env \
    && ENV_FILE=/tmp/env DATABASE_URL=sqlite:////tmp/none.sqlite3 .venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf /tmp/env /tmp/none.sqlite3* \
    && .venv/bin/python -m compileall -q accounts bookings config core stations

FROM python:3.13.14-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8
RUN groupadd --system --gid 10001 stationbook \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin stationbook
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ENV_FILE=/dev/null \
    HOST=0.0.0.0 \
    PORT=8000
WORKDIR /app
COPY --from=build /app /app
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/app/.venv/bin/python", "/app/deploy/healthy.py"]
CMD ["/app/script/web"]
