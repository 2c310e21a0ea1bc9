"""`python -m gateway` and the console script `pos-gateway`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
