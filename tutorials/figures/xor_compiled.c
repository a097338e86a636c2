// xor: forward, backward and update in C99, written by microgradx.
// Build it and run it: cc -O3 THIS_FILE.c -lm && ./a.out

#include <math.h>
#include <stdio.h>

static double sigmoid(double x) {
    const double e = exp(-fabs(x));  // never above 1: nothing overflows
    return (x >= 0 ? 1 : e) / (1 + e);
}

static double maximum(double a, double b) { return a > b || a != a ? a : b; }

static double log_floor(double p) {
    return maximum(log(p), -100);  // a wrong certainty costs 100, not infinity
}

static double bce(double p, double t) { return -(t * log_floor(p) + (1 - t) * log_floor(1 - p)); }

int main(void) {
    static const double x1[4] = {0, 0, 1, 1};
    static const double x2[4] = {0, 1, 0, 1};
    double w11 = 0.35;
    double w12 = 0.82;
    double b1 = 0.33;
    double w21 = -1.3;
    double w22 = 0.91;
    double b2 = 0.45;
    double w31 = -0.54;
    double w32 = 0.58;
    double b3 = 0.36;
    static const double t[4] = {0, 1, 1, 0};
    const double lr = 0.5;

    for (int step = 0; step < 1000; step++) {
        // forward
        double L_sum = 0, d_w11 = 0, d_w12 = 0, d_b1 = 0, d_w21 = 0, d_w22 = 0, d_b2 = 0, d_w31 = 0;
        double d_w32 = 0, d_b3 = 0;
        for (int i = 0; i < 4; i++) {
            double z1 = w11 * x1[i] + w12 * x2[i] + b1;
            double h1 = sigmoid(z1);
            double z2 = w21 * x1[i] + w22 * x2[i] + b2;
            double h2 = sigmoid(z2);
            double z3 = w31 * h1 + w32 * h2 + b3;
            double y = sigmoid(z3);
            L_sum += bce(y, t[i]);
            // backward
            double t1 = y * (1.0 - y);
            // ∂bce(y, t)/∂y = (y − t) / max(y ⊙ (1 − y), 1e−12)
            double d_y = 0.25 * ((y - t[i]) / maximum(t1, 1e-12));
            double d_z3 = d_y * t1;  // ∂y/∂z3 = y ⊙ (1 − y)
            double d_h1 = d_z3 * w31;  // ∂(w31 · h1)/∂h1 = w31
            double d_z1 = d_h1 * (h1 * (1.0 - h1));  // ∂h1/∂z1 = h1 ⊙ (1 − h1)
            d_w11 += d_z1 * x1[i];  // ∂(w11 · x1)/∂w11 = x1
            d_w12 += d_z1 * x2[i];  // ∂(w12 · x2)/∂w12 = x2
            d_b1 += d_z1;  // ∂z1/∂b1 = 1
            double d_h2 = d_z3 * w32;  // ∂(w32 · h2)/∂h2 = w32
            double d_z2 = d_h2 * (h2 * (1.0 - h2));  // ∂h2/∂z2 = h2 ⊙ (1 − h2)
            d_w21 += d_z2 * x1[i];  // ∂(w21 · x1)/∂w21 = x1
            d_w22 += d_z2 * x2[i];  // ∂(w22 · x2)/∂w22 = x2
            d_b2 += d_z2;  // ∂z2/∂b2 = 1
            d_w31 += d_z3 * h1;  // ∂(w31 · h1)/∂w31 = h1
            d_w32 += d_z3 * h2;  // ∂(w32 · h2)/∂w32 = h2
            d_b3 += d_z3;  // ∂z3/∂b3 = 1
        }
        // forward
        double L = L_sum / 4.0;
        // update
        w11 -= lr * d_w11;
        w12 -= lr * d_w12;
        b1 -= lr * d_b1;
        w21 -= lr * d_w21;
        w22 -= lr * d_w22;
        b2 -= lr * d_b2;
        w31 -= lr * d_w31;
        w32 -= lr * d_w32;
        b3 -= lr * d_b3;
        if (step % 100 == 0 || step == 999)
            printf("%d %.17g\n", step, L);
    }
}
