"""offgrid.json: points that the grid of zinb.json leaves out - fractional counts, theta around 16 (where the formulas
change over), means next to the count - at 60 decimal digits, rounded to float64.

Run: python offgrid.py   (needs mpmath)
"""
import json
import random

import mpmath as mp

mp.mp.dps = 60
M = mp.mpf
draw = random.Random(1)


def log_uniform(low, high):
    return 10 ** draw.uniform(low, high)


def count():
    x = log_uniform(-3, 6)
    return float(round(x)) if draw.random() < 0.5 else x


def inverse_dispersion():
    return draw.uniform(15, 17) if draw.random() < 0.3 else log_uniform(-4, 9)


def zinb(x, mu, t, l):
    x, mu, t, l = M(x), M(mu), M(t), M(l)
    pi = 1 / (1 + mp.exp(-l))
    if x == 0:
        p0 = mp.exp(-t * mp.log1p(mu / t))
        z = pi + (1 - pi) * p0
        w = (1 - pi) * p0 / z
        return mp.log(z), -w * t / (t + mu), w * (mu / (t + mu) - mp.log1p(mu / t)), 1 - pi - w
    ll = mp.loggamma(x + t) - mp.loggamma(t) - mp.loggamma(x + 1) - t * mp.log1p(mu / t) - x * mp.log1p(t / mu)
    d_theta = mp.digamma(x + t) - mp.digamma(t) - mp.log1p(mu / t) + (mu - x) / (t + mu)
    return ll + mp.log(1 - pi), t * (x - mu) / (mu * (t + mu)), d_theta, -pi


zinb_names = ["x", "mu", "theta", "logit", "ll", "d_mu", "d_theta", "d_logit"]
zinb_rows = []
for _ in range(600):
    x, theta, logit = count(), inverse_dispersion(), draw.uniform(-30, 30)
    mu = x * log_uniform(-0.3, 0.3) if x > 0 and draw.random() < 0.4 else log_uniform(-6, 6)
    zinb_rows.append([x, mu, theta, logit, *map(float, zinb(x, mu, theta, logit))])

difference_names = ["t", "x", "lgamma_difference", "digamma_difference", "lgamma", "digamma", "trigamma"]
difference_rows = []
for _ in range(200):
    t, x = inverse_dispersion(), log_uniform(-6, 3)
    T, N = M(t), M(t) + M(x)
    values = (mp.loggamma(N) - mp.loggamma(T), mp.digamma(N) - mp.digamma(T), mp.loggamma(T), mp.digamma(T), mp.psi(1, T))
    difference_rows.append([t, x, *map(float, values)])


def columns(names, rows):
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


with open("offgrid.json", "w") as file:
    blocks = {"zinb_logit": columns(zinb_names, zinb_rows), "special_functions": columns(difference_names, difference_rows)}
    json.dump({"about": __doc__.split("\n\n")[0], "mpmath": mp.__version__, **blocks}, file, separators=(",", ":"))
    file.write("\n")
