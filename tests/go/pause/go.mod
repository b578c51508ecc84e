// What holds a pod's namespaces, so that no image need be pulled.
module webhook-certs.invalid/pause

go 1.26.0
