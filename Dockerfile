# The site and its worker in one image; which of them runs is the command's choice.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data \
    PORT=8000

WORKDIR /app
COPY requirements/base.txt requirements/base.txt
RUN python -m pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements/base.txt

COPY manage.py ./
COPY annotator annotator
COPY projects projects
COPY sampling sampling
COPY templates templates
COPY static static
COPY locale locale

RUN useradd --create-home --uid 10001 annotator && mkdir /data && chown annotator /data
USER annotator
VOLUME /data
EXPOSE 8000

HEALTHCHECK --interval=30s --timeout=6s --start-period=60s CMD ["python", "-m", "annotator.healthcheck"]
CMD ["sh", "-c", "exec python manage.py serve --host 0.0.0.0 --port \"$PORT\" --no-worker"]
