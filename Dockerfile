# The service and its worker in one image: `serve` (the default) or `worker` as the command.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
# cpu or gpu: which lock is installed.
ARG DEVICE=cpu
# Where pip takes PyTorch from. Empty: pip's default, which on Linux is the CUDA build, several GB larger than the CPU build.
ARG TORCH_INDEX=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/openbook
ENV PATH=/opt/openbook/bin:$PATH
WORKDIR /build
COPY requirements requirements
RUN pip install --require-hashes --no-deps -r requirements/build.txt \
    && pip install --require-hashes --no-deps --no-build-isolation -r requirements/${DEVICE}.txt \
    && pip install ${TORCH_INDEX:+--index-url ${TORCH_INDEX}} -r requirements/torch.txt
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY ingestion ingestion
COPY retrieval retrieval
COPY generation generation
COPY migrations migrations
RUN pip install --no-deps --no-build-isolation . && pip check

FROM python:${PYTHON_VERSION}-slim-bookworm
# Tesseract reads pages that are images where OPENBOOK_OCR_LANGUAGES says so: some 50 MB beside PyTorch's hundreds.
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends tesseract-ocr tesseract-ocr-eng tesseract-ocr-chi-sim tesseract-ocr-chi-tra \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin openbook \
    && install --directory --owner openbook --group openbook --mode 0700 /data
COPY --from=build /opt/openbook /opt/openbook
ENV PATH=/opt/openbook/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    OPENBOOK_DATA_DIR=/data OPENBOOK_HOST=0.0.0.0 OPENBOOK_PORT=8000
USER openbook
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
ENTRYPOINT ["openbook"]
CMD ["serve"]
