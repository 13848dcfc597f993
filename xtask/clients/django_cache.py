"""The image as the cache of a Django project. Every line checks a value.

    python django_cache.py PORT
"""

import sys
import time

import django
from django.conf import settings

PORT = int(sys.argv[1])
BACKEND = "django.core.cache.backends.redis.RedisCache"

settings.configure(
    CACHES={
        "default": {"BACKEND": BACKEND, "LOCATION": f"redis://127.0.0.1:{PORT}"},
        "other": {"BACKEND": BACKEND, "LOCATION": f"redis://127.0.0.1:{PORT}", "KEY_PREFIX": "o"},
    }
)
django.setup()

from django.core.cache import cache, caches  # noqa: E402

checks = 0


def check(actual, expected):
    global checks
    assert actual == expected, (actual, expected)
    checks += 1


def main():
    check(cache.set("k", {"a": [1, 2]}), None)
    check(cache.get("k"), {"a": [1, 2]})
    check(cache.get("none", "default"), "default")
    check(cache.add("k", 1), False)
    check(cache.add("new", "text"), True)
    check(cache.has_key("new"), True)
    check("none" in cache, False)
    check(cache.touch("k", 100), True)
    check(cache.touch("none", 100), False)
    check(cache.touch("k", None), True)
    check(cache.set_many({"a": "x", "b": "y"}, timeout=100), [])
    check(cache.get_many(["a", "b", "none"]), {"a": "x", "b": "y"})
    check(cache.delete("a"), True)
    check(cache.delete("a"), False)
    check(cache.delete_many(["b", "none"]), None)
    check(cache.get_or_set("made", lambda: "value", 100), "value")
    check(cache.get_or_set("made", lambda: "other", 100), "value")
    check(caches["other"].get("made"), None)
    check(cache.set("gone", 1.5, timeout=0), None)
    check(cache.get("gone"), None)
    check(cache.set("brief", "x", timeout=1), None)
    time.sleep(1.2)
    check(cache.get("brief"), None)
    large = "x" * (1 << 20)
    check(cache.set("large", large), None)
    check(cache.get("large") == large, True)
    check(cache.set("number", 7), None)
    check(cache.get("number"), 7)
    check(cache.set("versioned", "one", version=1), None)
    check(cache.get("versioned", version=2), None)
    check(cache.clear(), True)
    check(cache.get("k"), None)
    print(f"Django {django.__version__}: checked {checks}")


main()
