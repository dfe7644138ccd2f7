"""Settings, all from the environment. With nothing set: SQLite, a folder as broker, loopback only."""

import os
import secrets
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

BASE_DIR = Path(__file__).resolve().parent.parent


def env_flag(name: str, default: bool = False) -> bool:
    """Read a yes/no variable: 1, true, yes and on mean yes."""
    value = os.environ.get(name)
    return default if value is None else value.strip().lower() in {"1", "true", "yes", "on"}


def env_list(name: str, default: str = "") -> list[str]:
    """Read a comma-separated variable."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


DATA_DIR = Path(os.environ.get("DATA_DIR", BASE_DIR / "data")).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)


def _secret_key() -> str:
    """Take the key from the environment, or keep one of our own, readable by its owner only."""
    if key := os.environ.get("SECRET_KEY"):
        return key
    path = DATA_DIR / "secret_key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(key := secrets.token_urlsafe(50))
    return key


SECRET_KEY = _secret_key()
DEBUG = env_flag("DEBUG")
# HTTPS is on wherever a host name is configured; without one the site answers on loopback only.
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
SECURE = env_flag("SECURE", bool(os.environ.get("ALLOWED_HOSTS")))
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
# Where people find the site: for links that a command prints, and in mails.
SITE_URL = os.environ.get("SITE_URL") or (
    f"https://{ALLOWED_HOSTS[0]}" if SECURE else "http://localhost:8000"
)

INSTALLED_APPS = [
    "annotator",
    "projects",
    "sampling",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
]

MIDDLEWARE = [
    "annotator.requests.identified",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "annotator.languages.spoken",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "annotator.urls"
WSGI_APPLICATION = "annotator.wsgi.application"
# Forms use templates/django/forms/, so that every field looks like docs/design.md says.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "annotator.context.theme",
                "annotator.context.reading",
                "annotator.context.languages",
                "annotator.context.unread",
            ],
            "builtins": ["django.templatetags.static"],
        },
    }
]


def _database() -> dict[str, Any]:
    """PostgreSQL through a pool where DATABASE_URL names one, else SQLite with safe write locks."""
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'annotator.sqlite3'}"
    database: dict[str, Any] = dict(dj_database_url.parse(url))
    if database["ENGINE"].endswith("postgresql"):
        database.setdefault("OPTIONS", {})["pool"] = {
            "min_size": 1,
            "max_size": int(os.environ.get("DATABASE_POOL", "16")),
            "timeout": 30,
        }
        # What every answer runs (projects.sql) is prepared in a connection that has run it so often.
        times = int(os.environ.get("DATABASE_PREPARE", "5"))
        database["OPTIONS"]["prepare_threshold"] = times or None
        return database
    database["OPTIONS"] = {
        # A deferred transaction that reads and then writes fails at once when another writes.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": (
            "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
            "PRAGMA cache_size=-65536;PRAGMA temp_store=MEMORY;"
        ),
    }
    # Django's default test database lives in memory, where threads share one connection.
    database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "")
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "annotator.caches.PatientRedisCache",
        "LOCATION": REDIS_URL,
        # A page waits no longer than this for what it can do without.
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 1},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # In this process alone: figures that stand in every answer and may be some seconds old.
    "near": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "near",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    },
}

# Celery: a message only says «look»; what is due stands in the database.
BROKER_DIR = DATA_DIR / "broker"
CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost/"
if REDIS_URL:
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "visibility_timeout": 3600,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        # Whoever rings goes on when nobody answers; workers connect again by rules of their own.
        "max_retries": 0,
    }
else:
    for _folder in ("messages", "processed", "control"):
        (BROKER_DIR / _folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # One folder for both directions: what the site puts in, the worker takes out.
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "processed_folder": str(BROKER_DIR / "processed"),
        "control_folder": str(BROKER_DIR / "control"),
        "store_processed": False,
    }
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 2_000_000  # kB; a child that grew is replaced between tasks
CELERY_TIMEZONE = "UTC"
# Whoever waits rings again: a lost message costs seconds, never work.
TICK_SECONDS = float(os.environ.get("TICK_SECONDS", "2"))
# Long work says every few seconds that it goes on; when it has been silent so long, another takes it over.
HEARTBEAT_SECONDS = float(os.environ.get("HEARTBEAT_SECONDS", "5"))
STALE_SECONDS = float(os.environ.get("STALE_SECONDS", "30"))
# Feature shards of one project that are computed side by side, over all workers; and threads of one task.
FEATURE_LANES = int(os.environ.get("FEATURE_LANES", "8" if REDIS_URL else "1"))
WORKER_THREADS = int(os.environ.get("WORKER_THREADS", "1"))
# Rows of the pool that one worker scores at a time; a larger pool is shared by all workers that have time.
SCORE_SHARD_ROWS = int(os.environ.get("SCORE_SHARD_ROWS", "32768"))
CELERY_BEAT_SCHEDULE = {
    "tick": {
        "task": "sampling.tasks.tick",
        "schedule": TICK_SECONDS,
        "options": {"expires": 10 * TICK_SECONDS},
    }
}
# The clock keeps nothing on disk: a beat too many or too few does no harm.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"

AUTH_USER_MODEL = "annotator.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_ADAPTER = "annotator.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # nobody can make us write to strangers
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Limits on tries count by address; behind a proxy the address is the one that the proxy saw.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if env_flag("BEHIND_PROXY") else 0
CSRF_FAILURE_VIEW = "annotator.views.errors.csrf_failure"

# Sessions are rows, read by each request: who signed out is out, whatever a cache remembers.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_SSL_REDIRECT = SECURE and env_flag("SSL_REDIRECT", True)
SECURE_REDIRECT_EXEMPT = ["^healthz$"]  # asked from inside, without a proxy
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_flag("BEHIND_PROXY") else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Mail goes out where EMAIL_HOST names a server; without one it is printed.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env_flag("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 15
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "annotator@localhost")

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
MEDIA_ROOT = DATA_DIR / "files"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "annotator.storage.StaticStorage"},
}
# Sentence embeddings and networks for pictures as ONNX files, which admins may choose by name.
MODELS_DIR = Path(os.environ.get("MODELS_DIR", DATA_DIR / "models")).resolve()
# Uploads go to disk, a piece at a time, whatever their size; limits are the readers' own.
IMPORT_MAX_BYTES = int(os.environ.get("IMPORT_MAX_MB", "1000")) * 1_000_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "uploads"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 5_000_000

# The first is the site's own: for whoever asks for none of them, and for mails to those who chose none.
LANGUAGES = [("en", "English"), ("ar", "العربية")]
LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["annotator.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s%(request_id)s: %(message)s"}},
    "filters": {
        "short-refusals": {"()": "annotator.logs.ShortRefusals"},
        "request-id": {"()": "annotator.logs.RequestId"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["short-refusals", "request-id"],
        }
    },
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
}
