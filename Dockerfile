# icesync as an image: slim, without root, with a shell for the runners that need one.
#
#   docker build --tag icesync .
#   docker run --rm --volume "$PWD:/work" icesync validate
#
# For GitLab: image: {name: icesync, entrypoint: [""]}
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY icesync icesync
RUN python -m venv /opt/icesync \
 && /opt/icesync/bin/pip install --no-cache-dir --disable-pip-version-check . \
 && /opt/icesync/bin/pip uninstall --yes pip

FROM python:3.12-slim
LABEL org.opencontainers.image.title="icesync" \
      org.opencontainers.image.description="Declarative config sync for the email servers of the ICE contact-centre service" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/icesync /opt/icesync
ENV PATH="/opt/icesync/bin:$PATH" \
    PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 10001 icesync \
 && mkdir /work \
 && chown icesync /work
USER 10001
WORKDIR /work
ENTRYPOINT ["icesync"]
CMD ["--help"]
