# The provider alone, about 20 MB: a static binary, CA certificates, no shell.
#
# The built-in PostgreSQL is not in the image, so the configuration must set
# database.url; everything else that lasts is in that database. Run it with:
#
#   docker run -p 8080:8080 -v "$PWD/config.yaml:/etc/idp/config.yaml:ro" near-idp

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY internal/third_party/oryx/go.mod internal/third_party/oryx/
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /idp ./cmd/idp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /idp /idp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/idp", "healthcheck", "--config", "/etc/idp/config.yaml"]
ENTRYPOINT ["/idp"]
CMD ["serve", "--config", "/etc/idp/config.yaml"]
