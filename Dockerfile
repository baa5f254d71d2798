# Serve a finished model:  docker build -t tuneboard . && docker run -p 8502:8502 -e TUNEBOARD_API_KEY=... \
#                              -v /path/of/model:/model:ro tuneboard
# /model is what `export RUN --format folder` wrote; the weights in the folder of a run are for its owner alone to read.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 GOMP_SPINCOUNT=5000 TUNEBOARD_HOME=/home/tuneboard/data

WORKDIR /app
COPY requirements.txt .
# The builds of torch for processors alone are 3 GB smaller than those for graphics cards.
RUN pip install --extra-index-url https://download.pytorch.org/whl/cpu "$(grep -o '^torch==[0-9.]*' requirements.txt)+cpu" \
    && pip install -r requirements.txt

COPY engine engine
RUN useradd --create-home --uid 10001 tuneboard && mkdir -p /home/tuneboard/data && chown -R tuneboard /home/tuneboard
USER tuneboard

EXPOSE 8502
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8502/health', timeout=2)"]
# exec form: SIGTERM reaches the service itself, which then answers what it has taken.
ENTRYPOINT ["python", "-m", "engine", "serve"]
CMD ["/model", "--host", "0.0.0.0", "--port", "8502"]
