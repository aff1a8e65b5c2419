/* The certificate authorities of a file, for tls_stream.c: parsed once (the system's are some 140,
 * which takes milliseconds and half a megabyte), shared by all connections, parsed anew when the
 * file has changed. The newest of each file stays for the next connection. */
#ifndef PROXY_TLS_TRUST_H
#define PROXY_TLS_TRUST_H

struct mbedtls_x509_crt;
struct tls_trust;

/* A counted reference to the certificates of `file` as it is now. 0, ERR_TLS, -ENOMEM. */
int tls_trust_get(const char *file, struct tls_trust **ret);
void tls_trust_unref(struct tls_trust *trust); /* NULL is accepted */
struct mbedtls_x509_crt *tls_trust_certificates(struct tls_trust *trust);

#endif
