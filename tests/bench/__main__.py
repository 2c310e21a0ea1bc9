"""`make bench`: every measurement, one JSON line each."""

from tests.bench import way

way.main()
