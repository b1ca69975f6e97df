# syntax=docker/dockerfile:1

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
# Images go where object storage is: cloud links its SDKs. Empty leaves them out.
ARG TAGS=cloud
ENV CGO_ENABLED=0
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/build-cache \
    GOCACHE=/go/build-cache go build -trimpath -tags "${TAGS}" -ldflags "-s -w -X main.version=${VERSION}" -o /out/ ./worker ./starter
RUN mkdir /empty

# What both programs need: they are static.
FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=build --chown=65532:65532 /empty /data
COPY --from=build --chown=65532:65532 --chmod=1777 /empty /tmp
COPY --from=build /out/starter /usr/local/bin/starter
WORKDIR /app
COPY pipelines pipelines
COPY schemas/*.avsc schemas/
COPY dq/*.yml dq/
ENV DATA_DIR=/data
USER 65532:65532

FROM base AS starter
ENTRYPOINT ["/usr/local/bin/starter"]

# The last stage is what `docker build` makes by default.
FROM base AS worker
COPY --from=build /out/worker /usr/local/bin/worker
ENTRYPOINT ["/usr/local/bin/worker"]
