"""exp, tanh and sigmoid without branches or tables: a loop over them takes eight or sixteen turns at once.

The C library's own functions are called one number at a time, which costs more than all else in a loop. These stay
within three units of the last digit, and treat infinities, nan and signed zeros as NumPy does. The polynomials are
those of Stephen Moshier's Cephes library (netlib.org/cephes: exp.c, tanh.c, expf.c, tanhf.c).
"""

from math import prod

from microgradx.compiler.to_c.index import Sizes

FAST = {
    "exp_of": """double exp_of(double x) {
    const double c = x > 710 ? 710 : x < -746 ? -746 : x;  // beyond, all is inf or 0
    const double t = c * 1.4426950408889634 + 6755399441055744.0;  // its last bits are n, c / log 2 as a whole number
    const double n = t - 6755399441055744.0;
    const double r = c - n * 6.93145751953125e-1 - n * 1.42860682030941723212e-6, z = r * r;
    const double p = r * ((1.26177193074810590878e-4 * z + 3.02994407707441961300e-2) * z + 1);
    const double q = ((3.00198505138664455042e-6 * z + 2.52448340349684104192e-3) * z + 2.27265548208155028766e-1) * z;
    int64_t k;
    memcpy(&k, &t, sizeof k);
    k -= 0x4338000000000000;
    const uint64_t half = (uint64_t)((k >> 1) + 1023) << 52, rest = (uint64_t)(k - (k >> 1) + 1023) << 52;
    double low, high;  // 2^n in two factors, as 2^1024 would be inf
    memcpy(&low, &half, sizeof low);
    memcpy(&high, &rest, sizeof high);
    return (1 + 2 * (p / (q + 2 - p))) * low * high;  // e^r 2^n
}""",
    "tanh_of": """double tanh_of(double x) {
    const double a = fabs(x), z = x * x;
    const double p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3;
    const double q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3;
    return copysign(a < 0.625 ? a + a * z * (p / q) : 1 - 2 / (exp_of(2 * a) + 1), x);
}""",
    "sigmoid_of": """double sigmoid_of(double x) {
    const double e = exp_of(-fabs(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}""",
    "expf_of": """float expf_of(float x) {
    const float c = x > 89 ? 89 : x < -104 ? -104 : x;  // beyond, all is inf or 0
    const float t = c * 1.44269504f + 12582912.0f;  // its last bits are n, c / log 2 as a whole number
    const float n = t - 12582912.0f;
    const float r = c - n * 0.693359375f + n * 2.12194440e-4f;
    const float p = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r
                     + 1.6666665459e-1f) * r + 5.0000001201e-1f;
    int32_t k;
    memcpy(&k, &t, sizeof k);
    k -= 0x4b400000;
    const uint32_t half = (uint32_t)((k >> 1) + 127) << 23, rest = (uint32_t)(k - (k >> 1) + 127) << 23;
    float low, high;  // 2^n in two factors, as 2^128 would be inf
    memcpy(&low, &half, sizeof low);
    memcpy(&high, &rest, sizeof high);
    return (p * r * r + r + 1) * low * high;  // e^r 2^n
}""",
    "tanhf_of": """float tanhf_of(float x) {
    const float a = fabsf(x), z = x * x;
    const float p = (((-5.70498872745e-3f * z + 2.06390887954e-2f) * z - 5.37397155531e-2f) * z
                     + 1.33314422036e-1f) * z - 3.33332819422e-1f;
    return copysignf(a < 0.625f ? p * z * a + a : 1 - 2 / (expf_of(2 * a) + 1), x);
}""",
    "sigmoidf_of": """float sigmoidf_of(float x) {
    const float e = expf_of(-fabsf(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}""",
}


FEW = 64  # entries, below which there is no such loop


def fast(name: str, shape: Sizes, dtype: str) -> str:
    """The function for this row on arrays of this kind; "" where there is none that is faster."""
    found = f"{name}{'f' if dtype == 'float32' else ''}_of"
    return found if found in FAST and prod(shape) >= FEW else ""
