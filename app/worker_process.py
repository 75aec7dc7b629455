"""`python -m app.worker_process`: the worker that a service keeps; people use `openbook worker`."""

from app.garbage import end_uncollected, uncollected

with uncollected():
    from app import worker
    from app.settings import Settings
    from app.telemetry import configure_logging


def main() -> None:
    """Work for the service that holds the data folder, and end with it."""
    end_uncollected()
    settings = Settings()
    configure_logging(settings)
    worker.run(settings, worker.embedded_name(settings.data_dir))


if __name__ == "__main__":
    main()
