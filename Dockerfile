# For those who have a container engine: docker build -t localhost/webhook-certs:0.1.0 .
# Without one: cargo xtask image. Another program: --build-arg PROGRAM=etcd-operator
FROM rust:1.95-slim-bookworm AS build
ARG PROGRAM=webhook-certs
WORKDIR /src
COPY . .
# jemalloc, which programs that serve webhooks have, is built by make.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends make
# Static, so that nothing else need be in the image.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$target" -p "$PROGRAM" --bins \
    && mkdir -p /image/etc \
    && echo 'nonroot:x:65532:65532::/:' > /image/etc/passwd \
    && cp "target/$target/release/$PROGRAM" /image/entrypoint

FROM scratch
COPY --from=build /image/ /
USER 65532:65532
ENTRYPOINT ["/entrypoint"]
