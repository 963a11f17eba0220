// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kav::test {

/// A certificate for localhost and 127.0.0.1 that nobody has vouched for, with its key: of no use to anybody but a test
/// that wants it refused.
inline constexpr char SelfSignedCertificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBmzCCAUGgAwIBAgIUYDfyecpmd9xfnctiO8Nmib4g+AEwCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzA1MzMxN1oYDzIxMjYxMDMw\n"
    "MDUzMzE3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAATi9UP2gz9oDGkYYDq650BdvNHAdQDVnDbFYBEDvh1eaw1+IhrWgs2t\n"
    "GLPkac6AidzePhX3JVlWFgN6jvSsu6Udo28wbTAdBgNVHQ4EFgQUOePFLPnkyqg0\n"
    "6eebB7r6NH2K7ygwHwYDVR0jBBgwFoAUOePFLPnkyqg06eebB7r6NH2K7ygwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI\n"
    "zj0EAwIDSAAwRQIgTQZyeqQhcWJikHSwpYfEnxPSFNcogWHO5VdRgdGKvo0CIQCj\n"
    "tYGZ6iW3yUhi3TELaCddkSNESkaYWZYusknMidMKkg==\n"
    "-----END CERTIFICATE-----\n";
inline constexpr char SelfSignedKey[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpgUTI+SeTVQdj+SS\n"
    "me26kqcbuFIT6EjWxX0qfVBA9uyhRANCAATi9UP2gz9oDGkYYDq650BdvNHAdQDV\n"
    "nDbFYBEDvh1eaw1+IhrWgs2tGLPkac6AidzePhX3JVlWFgN6jvSsu6Ud\n"
    "-----END PRIVATE KEY-----\n";

} // namespace kav::test
