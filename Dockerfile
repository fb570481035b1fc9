# One image for every role of docker-compose.yml. It holds no secret and no engine's data, and runs as a user that
# can write nothing but its volumes.

FROM python:3.11-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /build
COPY launcher/uv.txt requirements.txt ./
RUN --mount=type=cache,target=/root/.cache \
    pip install --require-hashes --requirement uv.txt \
    && uv venv /opt/venv \
    && uv pip install --python /opt/venv/bin/python --require-hashes --requirement requirements.txt

FROM python:3.11-slim
RUN groupadd --gid 10001 holdout \
    && useradd --uid 10001 --gid holdout --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin holdout \
    && install --directory --owner holdout --group holdout --mode 0700 /store
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=config.settings.production \
    HOLDOUT_VAR_DIR=/app/var \
    HOLDOUT_STORE_DIR=/store \
    NUMBA_CACHE_DIR=/tmp/numba \
    OPENBLAS_NUM_THREADS=1 \
    OMP_NUM_THREADS=1
WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY . .
# The settings insist on values; these are thrown away with the command.
RUN python -m compileall -q . \
    && SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    HOLDOUT_SNAPSHOT_SIGNING_KEY="$(python -c 'import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())')" \
    ALLOWED_HOSTS=build EMAIL_HOST=build DATABASE_URL=postgresql://build REDIS_URL=redis://build \
    python manage.py collectstatic --no-input

USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "1", \
     "--blocking-threads", "40", "--no-ws", "--workers-kill-timeout", "5", "--log-level", "warning", \
     "config.wsgi:application"]
