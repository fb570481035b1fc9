"""Every setting that all environments share, read through `config.env`. No secret has a default."""

from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from config.env import broker_from_redis_url, database_from_url, env_int, env_public_keys, env_secret, env_str
from config.logging import logging_config
from config.timeouts import with_timeouts

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = Path(env_str("HOLDOUT_VAR_DIR", str(BASE_DIR / "var")))

# --- Holdout's own -----------------------------------------------------------------------------------
# One folder that web and workers share: uploads and results of jobs.
HOLDOUT_STORE_DIR = Path(env_str("HOLDOUT_STORE_DIR", str(VAR_DIR / "store")))
# How long a declaration may wait for its log index before the caller is told to come back.
HOLDOUT_SEQUENCING_TIMEOUT_SECONDS = env_int("HOLDOUT_SEQUENCING_TIMEOUT_SECONDS", 10)
# How long an upload may wait for a worker to take its fingerprints.
HOLDOUT_INGEST_TIMEOUT_SECONDS = env_int("HOLDOUT_INGEST_TIMEOUT_SECONDS", 20)
HOLDOUT_LOOKUP_MAX_QUERIES = 10_000
HOLDOUT_LOOKUP_MAX_PACKED = 100_000
HOLDOUT_LOOKUP_MAX_PICTURES = 16
HOLDOUT_LOOKUP_MAX_FINGERPRINTS = 64
HOLDOUT_LOOKUP_MAX_BYTES = 64 * 1024 * 1024
HOLDOUT_JOB_MAX_UPLOAD_BYTES = env_int("HOLDOUT_JOB_MAX_UPLOAD_BYTES", 20 * 1024**3)
HOLDOUT_JOB_CHUNK_ROWS = 65_536
# A step whose worker has not reported for this long is given to another worker.
HOLDOUT_JOB_LEASE_SECONDS = env_int("HOLDOUT_JOB_LEASE_SECONDS", 60)
# What each organisation, or each anonymous network, may ask for: (a minute, at once). See `api.throttling`.
HOLDOUT_QUOTAS = {
    "lookups": (
        env_int("HOLDOUT_QUOTA_LOOKUPS_PER_MINUTE", 600_000),
        env_int("HOLDOUT_QUOTA_LOOKUPS_BURST", 100_000),
    ),
    "jobs": (env_int("HOLDOUT_QUOTA_JOBS_PER_MINUTE", 60), env_int("HOLDOUT_QUOTA_JOBS_BURST", 60)),
    "calls": (env_int("HOLDOUT_QUOTA_CALLS_PER_MINUTE", 1_200), env_int("HOLDOUT_QUOTA_CALLS_BURST", 300)),
    "status": (
        env_int("HOLDOUT_QUOTA_STATUS_PER_MINUTE", 600),
        env_int("HOLDOUT_QUOTA_STATUS_BURST", 200),
    ),
}
# Requests that one process has in hand behind each heavy door; more are told to come back (`api.admission`).
HOLDOUT_IN_FLIGHT = {
    "lookups": env_int("HOLDOUT_IN_FLIGHT_LOOKUPS", 4),
    "compat": env_int("HOLDOUT_IN_FLIGHT_COMPAT", 10),
    "status": env_int("HOLDOUT_IN_FLIGHT_STATUS", 4),
    "uploads": env_int("HOLDOUT_IN_FLIGHT_UPLOADS", 4),
    "downloads": env_int("HOLDOUT_IN_FLIGHT_DOWNLOADS", 4),
    "doctor": env_int("HOLDOUT_IN_FLIGHT_DOCTOR", 2),
    "pictures": env_int("HOLDOUT_IN_FLIGHT_PICTURES", 6),
}
# Name servers (IP addresses, by comma) that are asked for a domain's proof, and must agree; none: the
# machine's own.
HOLDOUT_DNS_SERVERS = [s.strip() for s in env_str("HOLDOUT_DNS_SERVERS", "").split(",") if s.strip()]
# The page about us that other hosts are told when we ask them for something.
HOLDOUT_CONTACT_URL = env_str("HOLDOUT_CONTACT_URL", "")
# Of the lookups inside, how many compute at the same time; the others wait for their turn.
HOLDOUT_LOOKUPS_AT_WORK = env_int("HOLDOUT_LOOKUPS_AT_WORK", 2)
if min(HOLDOUT_LOOKUPS_AT_WORK, *HOLDOUT_IN_FLIGHT.values()) < 1:
    raise ImproperlyConfigured("HOLDOUT_LOOKUPS_AT_WORK and every HOLDOUT_IN_FLIGHT_... must be at least 1.")
# Signs the snapshots that vendors screen with (base64 of 32 bytes); every environment has its own.
HOLDOUT_SNAPSHOT_SIGNING_KEY = ""
# More keys that vendors are told to trust: the next one and the one before, while keys change.
HOLDOUT_SNAPSHOT_PUBLIC_KEYS = env_public_keys("HOLDOUT_SNAPSHOT_PUBLIC_KEYS")
# Our own proxies in front: that many of the last entries of X-Forwarded-For are believed.
HOLDOUT_TRUSTED_PROXIES = env_int("HOLDOUT_TRUSTED_PROXIES", 0)
# A request with an Idempotency-Key whose process has not answered by then (and by what its body's size adds)
# counts as dead: its retry is executed.
HOLDOUT_IDEMPOTENCY_LEASE_SECONDS = env_int("HOLDOUT_IDEMPOTENCY_LEASE_SECONDS", 60)
if min(number for quota in HOLDOUT_QUOTAS.values() for number in quota) < 1:
    raise ImproperlyConfigured("Every HOLDOUT_QUOTA_..._PER_MINUTE and _BURST must be at least 1.")
if HOLDOUT_QUOTAS["lookups"][1] < HOLDOUT_LOOKUP_MAX_PACKED:
    raise ImproperlyConfigured(
        f"HOLDOUT_QUOTA_LOOKUPS_BURST must be at least {HOLDOUT_LOOKUP_MAX_PACKED}: one full call."
    )

# Where people find the pages, such as https://registry.example, for links in mails; empty: none.
HOLDOUT_PUBLIC_URL = env_str("HOLDOUT_PUBLIC_URL", "").rstrip("/")
# The rooms that keep something about people, in the order in which they erase it; `accounts` comes last.
HOLDOUT_ERASING = ["consent", "registry", "lookup"]
# Whether the demonstration's one-click sign-in exists: only in `config.settings.demo`, never from a variable.
HOLDOUT_DEMO = False
# What sequencer, workers and beat touch to show that they live; empty: nothing.
HOLDOUT_HEARTBEAT_FILE = env_str("HOLDOUT_HEARTBEAT_FILE", "")
# Opens /metrics to whoever sends it as a bearer token; without one only this machine may read them.
HOLDOUT_METRICS_TOKEN = (
    env_secret("HOLDOUT_METRICS_TOKEN")
    if env_str("HOLDOUT_METRICS_TOKEN", "") or env_str("HOLDOUT_METRICS_TOKEN_FILE", "")
    else ""
)

# --- Django ------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config.apps.StaffAreaConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.instagram",
    "allauth.socialaccount.providers.tumblr_oauth2",
    "allauth.socialaccount.providers.weibo",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "accounts",
    "ledger",
    "registry",
    "consent",
    "lookup",
    "api",
    "web",
    "demo",
    "config",
]
MIDDLEWARE = [
    "config.middleware.RequestRecord",  # outermost: also what another middleware refuses is written down
    "api.cors.OpenToEveryOrigin",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    },
]

DATABASES = {
    "default": with_timeouts(
        database_from_url(env_str("DATABASE_URL")),
        # Web processes are given limits (launcher/roles.py); a worker's step may take its time.
        statement_ms=env_int("HOLDOUT_STATEMENT_TIMEOUT_MS", 0),
        lock_ms=env_int("HOLDOUT_LOCK_TIMEOUT_MS", 0),
    )
    | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, "ATOMIC_REQUESTS": False},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env_str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # A Valkey that hangs must not hang whoever asks it.
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    },
}

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "web" / "locale"]

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"

# --- people ------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "accounts.permissions.StaffPermissions",
]
# No passwords: a one-time code goes to the e-mail address, for signing up and for signing in. Its format is
# allauth's (eight consonants): six digits would fall to patient guessing.
ACCOUNT_ADAPTER = "web.reauthentication.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
# Mail may be slow (greylisting), and a lost one must not end the visit.
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""  # the subjects name Holdout themselves
ACCOUNT_UNIQUE_EMAIL = True
ALLAUTH_TRUSTED_PROXY_COUNT = HOLDOUT_TRUSTED_PROXIES
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
# The second step: an authenticator app or a passkey, with recovery codes for the day they are lost. Staff
# must have one. A passkey is both steps at once: whoever has one signs in without any mail.
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ADAPTER = "web.second_factor.SealingAdapter"
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Platforms prove accounts (`web.linking`); nobody signs in by them, and nothing that they tell is stored.
SOCIALACCOUNT_ADAPTER = "web.linking.SocialAccountAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
SOCIALACCOUNT_PROVIDERS = {
    name: {"APPS": [{"client_id": key, "secret": secret, "settings": {"scope": scope}}]}
    for name, app, scope in (
        ("weibo", env_str("HOLDOUT_WEIBO_APP", ""), []),
        ("instagram", env_str("HOLDOUT_INSTAGRAM_APP", ""), ["instagram_business_basic"]),
        ("tumblr_oauth2", env_str("HOLDOUT_TUMBLR_APP", ""), ["basic"]),
    )
    for key, _, secret in [app.partition(":")]
    if key and secret
}
LOGIN_URL = "account_request_login_code"
LOGIN_REDIRECT_URL = "/overview/"
DEFAULT_FROM_EMAIL = env_str("HOLDOUT_FROM_EMAIL", "Holdout <noreply@localhost>")

# --- security ----------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "style-src": [SELF],
        "script-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# A picture form carries up to 25 MB in a file; nothing else in a form is large.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 26 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "web.uploads.CappedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- tasks -------------------------------------------------------------------------------------------
CELERY_BROKER_URL = broker_from_redis_url(REDIS_URL)
CELERY_IMPORTS = ["config.heartbeat"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
# A lost doorbell is rung again by beat, so a request never waits long for Valkey.
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_max": 0.2}
CELERY_TASK_DEFAULT_QUEUE = "lookup"
CELERY_TASK_ROUTES = {
    "registry.tasks.*": {"queue": "ingest"},
    "consent.tasks.*": {"queue": "ingest"},
    "lookup.tasks.*": {"queue": "lookup"},
}
CELERY_BEAT_SCHEDULE = {
    # Often, so that a new registry soon has its first; the next comes after an hour (lookup.snapshots).
    "publish-snapshot": {
        "task": "lookup.tasks.publish_snapshot",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "ring-for-open-jobs": {"task": "lookup.tasks.ring", "schedule": 5.0, "options": {"expires": 5}},
    **{
        f"erase-people-{room}": {
            "task": f"{room}.tasks.erase",
            "schedule": 300.0,
            "options": {"expires": 300},
        }
        for room in (*HOLDOUT_ERASING, "accounts")
    },
    "forget-answers": {"task": "accounts.tasks.sweep", "schedule": 3600.0},
    "observe-places": {
        "task": "registry.tasks.observe_places",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "recheck-proofs": {
        "task": "registry.tasks.recheck_proofs",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "work-on-imports": {
        "task": "consent.tasks.work_on_imports",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "fulfil-intentions": {
        "task": "consent.tasks.fulfil_intentions",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "delete-abandoned-uploads": {"task": "registry.tasks.sweep", "schedule": 3600.0},
    "count-hits": {"task": "lookup.tasks.roll_up_hits", "schedule": 10.0, "options": {"expires": 10}},
    "deliver-inquiries": {
        "task": "lookup.tasks.deliver_inquiries",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "send-digests": {"task": "lookup.tasks.send_digests", "schedule": 3600.0, "options": {"expires": 3600}},
    "delete-expired-job-files": {"task": "lookup.tasks.sweep", "schedule": 3600.0},
}

# --- API ---------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "api.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # no view has formats; ?format= is a parameter like any other
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Holdout",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/v1",
    "SCHEMA_PATH_PREFIX_TRIM": False,
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": ["api.openapi.complete"],
}

LOGGING = logging_config()
