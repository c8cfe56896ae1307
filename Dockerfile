# icesync as an image: slim, without root, with git, and a shell for the runners that need one.
#
#   docker build --tag icesync .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/work" icesync apply
#
# With --user, what is written into the volume belongs to you. More libraries (for buckets,
# cloud secrets, spreadsheets), and sops:
#
#   docker build --tag icesync --build-arg EXTRAS=aws,excel,objectstore .
#   docker build --tag icesync --target with-sops .
#
# For GitLab: image: {name: icesync, entrypoint: [""]}
FROM python:3.12-slim AS build
ARG EXTRAS=
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY icesync icesync
RUN python -m venv /opt/icesync \
 && /opt/icesync/bin/pip install --no-cache-dir --disable-pip-version-check ".${EXTRAS:+[$EXTRAS]}" \
 && /opt/icesync/bin/pip uninstall --yes pip

FROM python:3.12-slim AS icesync
LABEL org.opencontainers.image.title="icesync" \
      org.opencontainers.image.description="Declarative config sync for the email servers of the ICE contact-centre service" \
      org.opencontainers.image.licenses="MIT"
# git says which commit a call is from, and what the base branch holds.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/* \
 && git config --system --add safe.directory /work
COPY --from=build /opt/icesync /opt/icesync
# Any user may be given by --user: none of them has a home, or owns /work.
ENV PATH="/opt/icesync/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    ICESYNC_IMAGE=1
RUN useradd --no-create-home --uid 10001 icesync \
 && mkdir --mode=1777 /work
USER 10001
WORKDIR /work
ENTRYPOINT ["icesync"]
CMD ["--help"]

FROM icesync AS with-sops
COPY --from=ghcr.io/getsops/sops:v3.11.0-alpine /usr/local/bin/sops /usr/local/bin/sops

FROM icesync
