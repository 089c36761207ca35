"""Walkthroughs found online, as a newcomer writes them down, with the figures printed there.

What is right in them is accepted with the digits that they have; what is not is found where it was
made, and what only follows from it is no second mistake.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import backprop_cli as backprop

WALKTHROUGHS: dict[str, tuple[str, str, set[str]]] = {
    "a textbook's network of six units, bias and all, δ in place of gradients": (
        """
convention: {affine: W^T x + b}
notation: {delta: true}
x: [1, 0, 1]
y: [1]
layers:
  - weights: [[0.2, -0.3], [0.4, 0.1], [-0.5, 0.2]]
    bias: [-0.4, 0.2]
    activation: sigmoid
  - {weights: [[-0.3], [-0.2]], bias: [0.1], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.9}
""",
        """
answers:
  Z1: [-0.7, 0.1]
  H1: [0.332, 0.525]
  Z2: [-0.105]
  Yhat: [0.474]
  dL/dZ2: [-0.1311]
  dL/dZ1: [0.0087, 0.0065]
  W2_new: [[-0.261], [-0.138]]
  W1_new: [[0.192, -0.306], [0.4, 0.1], [-0.508, 0.194]]
  b2_new: [0.218]
  b1_new: [-0.408, 0.194]
""",
        set(),
    ),
    "a network computed digit by digit": (
        """
x: [0.05, 0.10]
y: [0.01]
layers:
  - {weights: [[0.15, 0.20], [0.25, 0.30]], bias: [0.35, 0.35], activation: sigmoid}
  - {weights: [[0.40, 0.45]], bias: [0.60], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.5}
""",
        """
answers:
  Z1: [0.3775, 0.3925]
  H1: [0.59327, 0.59688]
  Z2: [1.10591]
  Yhat: [0.75137]
""",
        set(),
    ),
    "a tutorial whose outputs have a bias that its sums have not": (
        """
x: [0.05, 0.10]
y: [0.01, 0.99]
layers:
  - {weights: [[0.15, 0.20], [0.25, 0.30]], bias: [0.355, 0.3475], activation: sigmoid}
  - {weights: [[0.40, 0.50], [0.45, 0.55]], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.5}
""",
        """
answers:
  Z1: [0.3825, 0.3900]
  H1: [0.5944, 0.5963]
  Z2: [0.5359, 0.5955]
  Yhat: [0.757, 0.768]
  L: 0.304
""",
        {"Yhat"},
    ),
    "a softmax behind two sigmoids, one sum miscopied": (
        """
x: [1, 2, -1]
y: [1, 0]
layers:
  - {weights: [[0.2, -0.3, 0.4], [-0.5, 0.1, 0.2]], bias: [0.5, 0.5], activation: sigmoid}
  - {weights: [[0.3, 0.4], [-0.1, 0.2]], bias: [0.1, 0.1], activation: softmax}
loss: cross-entropy
update: {rule: sgd, learning_rate: 0.1}
""",
        """
answers:
  Z1: [-0.3, 0]
  H1: [0.426, 0.5]
  Z2: [0.428, 0.185]
  Yhat: [0.561, 0.439]
  L: 0.579
""",
        {"Z2"},
    ),
    "two steps through time, tanh(1.04621) read off as 0.7790": (
        """
values:
  x_1: 1.0
  x_2: 2.0
  h_0: 0
  W_x: 0.5
  W_h: 0.1
  b: 0
  W_y: 2
  t_1: 1
  t_2: 2
equations:
  - for t in 1..2:
    - a_t = W_x * x_t + W_h * h_{t-1} + b
    - h_t = tanh(a_t)
    - y_t = W_y * h_t
  - L = sum(t in 1..2, (y_t - t_t)^2 / 2)
train: [W_x, W_h, W_y, b]
""",
        """
answers:
  h_1: 0.4621
  y_1: 0.9242
  a_1: 0.5
  a_2: 1.04621
  h_2: 0.7790
  y_2: 1.558
  L: 0.1007
  dL/dy_2: -0.442
  dL/dh_2: -0.884
  dL/da_2: -0.3475
  dL/dW_x: -0.8448
""",
        {"h_2"},
    ),
    "the first step of XOR with six decimals, bias in row 0": (
        """
convention: {affine: W^T x + b, bias: first}
x: [0, 0]
y: [0]
layers:
  - weights: [[0.341232, -0.115223], [0.129952, 0.570345], [-0.923123, -0.328932]]
    activation: sigmoid
  - weights: [[-0.993423], [0.164732], [0.752621]]
    activation: sigmoid
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.5}
""",
        """
answers:
  Z1: [0.341232, -0.115223]
  H1: [0.584490, 0.471226]
  Z2: [-0.542484]
  Yhat: [0.367610]
  dL/dZ2: [0.085459]
  dL/dZ1: [0.003419, 0.016026]
""",
        set(),
    ),
    "a linear network, new weights to two decimals": (
        """
x: [2, 3]
y: [1]
layers:
  - {weights: [[0.11, 0.21], [0.12, 0.08]]}
  - {weights: [[0.14, 0.15]]}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.05}
""",
        """
answers:
  Yhat: [0.191]
  W1_new: [[0.12, 0.23], [0.13, 0.10]]
  W2_new: [[0.17, 0.17]]
""",
        set(),
    ),
    "an exercise with x W + b, new weights to four decimals": (
        """
convention: {affine: x W + b}
x: [0, 1]
y: [1]
layers:
  - {weights: [[0.6, -0.3], [-0.1, 0.4]], bias: [0.3, 0.5], activation: sigmoid}
  - {weights: [[0.4], [0.1]], bias: [-0.2], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.25}
""",
        """
answers:
  Z1: [0.2, 0.9]
  H1: [0.5498, 0.7109]
  Z2: [0.09101]
  Yhat: [0.5227]
  dL/dZ2: [-0.1191]
  dL/dZ1: [-0.0118, -0.00245]
  W1_new: [[0.6, -0.3], [-0.0971, 0.4006]]
  b1_new: [0.3029, 0.5006]
  W2_new: [[0.4164], [0.1212]]
  b2_new: [-0.1702]
""",
        set(),
    ),
    "a notebook's twelve digits, straight to p − y": (
        """
convention: {affine: x W + b, output_gradient: fused}
x: [16, -6]
y: [0, 0, 1]
layers:
  - {weights: [[0.18, 0.04], [0.1, 0.22]], bias: [0, 0], activation: relu}
  - {weights: [[0.19, -0.1, 0.1], [-0.02, -0.01, 0.04]], bias: [0, 0, 0], activation: softmax}
loss: cross-entropy
""",
        """
answers:
  Z1: [2.28, -0.68]
  H1: [2.28, 0]
  Z2: [0.4332, -0.228, 0.228]
  L: 1.051375468504
  dL/dZ2: [0.429052723714, 0.221490524653, -0.650543248367]
  dL/dW2: [[0.978240210068, 0.504998396209, -1.483238606277], [0, 0, 0]]
""",
        set(),
    ),
    "an attention notebook whose figures are those without the scaling": (
        """
values:
  X: [[0.5, 0.2, 0.1, -0.1], [0, 0.3, -0.2, 0.2], [0.4, -0.1, 0, 0.3]]
  W_Q: [[0.2, -0.1, 0, 0.3], [0.1, 0, 0.2, -0.2], [-0.1, 0.3, 0.1, 0], [0, 0.2, -0.2, 0.1]]
  W_K: [[0.1, 0.2, 0, -0.1], [0, 0.1, 0.3, 0], [0.2, -0.2, 0.1, 0.1], [-0.1, 0, 0.2, 0.2]]
  W_V: [[0.3, 0.1, 0, -0.2], [0, 0.2, 0.1, 0], [0.1, -0.1, 0.2, 0.1], [0, 0.1, -0.2, 0.3]]
  T: [[0.1, 0, 0.05, -0.05], [0, 0.1, -0.05, 0.05], [0.05, -0.05, 0.1, 0]]
equations:
  - Q = X @ W_Q
  - K = X @ W_K
  - V = X @ W_V
  - S = Q @ K.T / sqrt(4)
  - P = softmax(S, axis=1)
  - A = P @ V
  - L = sum((A - T)^2) / 2
train: [W_Q, W_K, W_V]
""",
        """
answers:
  A: [[8.67e-02,  7.33e-02, -2.00e-02, -2.34e-02],
    [ 8.69e-02,  7.33e-02, -1.98e-02, -2.36e-02],
    [ 8.68e-02,  7.32e-02, -2.01e-02, -2.33e-02]]
  L: 2.86e-02
  dL/dW_Q: [[-2.54e-04, -6.72e-05,  6.62e-05,  1.79e-04],
    [ 1.59e-04,  3.44e-05, -6.72e-05, -9.17e-05],
    [-1.86e-04, -4.14e-05,  7.43e-05,  1.11e-04],
    [ 1.40e-04,  2.62e-05, -7.27e-05, -7.00e-05]]
  dL/dW_K: [[-3.46e-05, -8.76e-06, -5.94e-05, -2.93e-04],
    [-4.36e-05,  2.58e-06,  2.59e-05, -3.27e-05],
    [-2.71e-05, -5.15e-06, -3.39e-05, -1.87e-04],
    [ 7.44e-05,  4.38e-06,  2.08e-05,  2.73e-04]]
  dL/dW_V: [[ 3.32e-02,  5.10e-02, -4.80e-02, -2.11e-02],
    [ 1.47e-02,  2.25e-02, -2.12e-02, -9.34e-03],
    [-3.64e-03, -5.64e-03,  5.31e-03,  2.31e-03],
    [ 1.47e-02,  2.27e-02, -2.14e-02, -9.34e-03]]
""",
        {"dL/dW_Q"},
    ),
    "(x + y) · max(y, z)": (
        """
values: {x: 1, y: 2, z: 0}
equations:
  - a = x + y
  - b = max(y, z)
  - f = a * b
""",
        """
answers: {a: 3, b: 2, f: 6, df/da: 2, df/db: 3, df/dx: 2, df/dy: 5, df/dz: 0}
""",
        set(),
    ),
    "max(x + 1, y) / z": (
        """
values: {x: 2, y: -1, z: 2}
equations:
  - f = max(x + 1, y) / z
""",
        """
answers: {f: 1.5, df/dx: 0.5, df/dy: 0, df/dz: -0.75}
""",
        set(),
    ),
    "one neuron, one sample": (
        """
values: {x: 0.5, y: 1, w: 0.2, b: 0.1}
equations:
  - z = w * x + b
  - yhat = sigmoid(z)
  - L = -y*ln(yhat) - (1 - y)*ln(1 - yhat)
train: [w, b]
update: {rule: sgd, learning_rate: 0.1}
""",
        """
answers: {z: 0.2, yhat: 0.5498, L: 0.5981,
  dL/dz: -0.4502, dL/dw: -0.2251, dL/db: -0.4502,
  w_new: 0.2225, b_new: 0.1450}
""",
        set(),
    ),
    "one rectified neuron": (
        """
x: [2]
y: [1]
layers: [{weights: [[0.5]], bias: [0.1], activation: relu}]
loss: squared-error
""",
        """
answers: {Z1: [1.1], Yhat: [1.1], L: 0.01,
  dL/dYhat: [0.2], dL/dZ1: [0.2],
 dL/dW1: [[0.4]], dL/db1: [0.2]}
""",
        set(),
    ),
    "(x - 4)² by momentum, a page of the university of Saïda: the loss is 0 on the way": (
        """
values: {x: 10}
equations: [L = (x - 4)^2]
train: [x]
update: {rule: momentum, form: classic, learning_rate: 0.2, beta: 0.9, steps: 4}
""",
        """
answers: {dL/dx: 12, x_new: 7.6, L@2: 12.96, dL/dx@2: 7.2, x_new@2: 4.0, L@3: 0, dL/dx@3: 0,
  x_new@3: 0.76, dL/dx@4: -6.48, x_new@4: -0.86}
""",
        set(),
    ),
    "a network of tanh units by hand, ten digits (DeLucca, exercises in neural networks)": (
        """
x: [0.5, -0.2]
y: [1.0]
layers:
  - {weights: [[0.3, -0.1], [0.2, 0.4]], bias: [0.1, -0.2], activation: tanh}
  - {weights: [[0.5, -0.3]], bias: [0.2], activation: tanh}
loss: mean-squared-error
""",
        """
answers: {Z1: [0.27, -0.18], H1: [0.2636248355, -0.1780808681], Z2: [0.3852366782],
  Yhat: [0.3672465626], L: 0.4003769125, dL/dYhat: [-1.2655068747], dL/dZ2: [-1.0948279147]}
""",
        set(),
    ),
    "derivatives of a layer given, quiz 7 of DSC 140B": (
        """
values: {z: [3, -2], W: [[5, 1], [1, 2]]}
equations: [a = relu(z), s = W.T @ a]
upstream: {s: [-3, 1]}
""",
        """
answers: {dL/dW: [[-9, 3], [0, 0]], dL/da: [-14, -1], dL/dz: [-14, 0]}
""",
        set(),
    ),
    "ab + exp(b + c) − 7 (c + d), one step uphill (a question on math-gpt)": (
        """
values: {a: 1, b: -2, c: 2, d: 1}
equations: [f = a * b + exp(b + c) - 7 * (c + d), L = -f]
train: [a, b, c, d]
update: {rule: sgd, learning_rate: 0.1}
""",
        """
answers: {f: -22, dL/da: 2, dL/db: -2, dL/dc: 6, dL/dd: 7,
  a_new: 0.8, b_new: -1.8, c_new: 1.4, d_new: 0.3}
""",
        set(),
    ),
    "deltas behind a convolution, a question on datascience.stackexchange": (
        """
values:
  z: [ln(0.58/0.42), ln(0.57/0.43), ln(0.65/0.35), ln(0.55/0.45)]
  W: [[0.61, 0.82, 0.96, -1.00], [0.02, -0.50, 0.23, 0.17]]
equations: [a = sigmoid(z), h = W @ a]
upstream: {h: [0.25, -0.15]}
""",
        """
answers: {a: [0.58, 0.57, 0.65, 0.55],
  dL/dz: [0.0364182, 0.068628, 0.04675125, -0.06818625]}
""",
        set(),
    ),
    "pen and paper, a skip connection and an absolute error (Freiburg): 0.125 + 0.25 is 0.375": (
        """
values: {x: 1, y: -3, w_0: 0.5, w_1: 0.5, w_2: 0.5, w_s: 0.5}
equations:
  - z_0 = w_0 * x
  - h_0 = relu(z_0)
  - z_1 = w_1 * h_0
  - h_1 = relu(z_1)
  - z_2 = w_2 * h_1 + w_s * h_0
  - yhat = z_2
  - L = abs(y - yhat)
train: [w_0, w_1, w_2, w_s]
update: {rule: sgd, learning_rate: 1}
""",
        """
answers:
  {z_0: 0.5, h_0: 0.5, z_1: 0.25, h_1: 0.25, z_2: 0.325, yhat: 0.325, L: 3.325, dL/dyhat: 1,
  dL/dz_2: 1, dL/dh_1: 0.5, dL/dz_1: 0.5, dL/dh_0: 0.75, dL/dz_0: 0.75, dL/dw_2: 0.25,
  dL/dw_s: 0.5, dL/dw_1: 0.25, dL/dw_0: 0.75, w_2_new: 0.25, w_s_new: 0, w_1_new: 0.25,
  w_0_new: -0.25, L_new: 3}
""",
        {"z_2"},
    ),
    "a course's notebook whose error term is y − ŷ (Udacity)": (
        """
x: [0.5, 0.1, -0.2]
y: [0.6]
convention: {affine: x W + b}
layers:
  - {weights: [[0.5, -0.6], [0.1, -0.2], [0.1, 0.7]], activation: sigmoid}
  - {weights: [0.1, -0.3], activation: sigmoid}
loss: half-squared-error
""",
        """
answers: {Z1: [0.24, -0.46], H1: [0.55971365, 0.38698582], Z2: -0.06012438223148006,
  dL/dZ2: 0.028730669543515018, dL/dZ1: [0.00070802, -0.00204471]}
""",
        {"dL/dZ2"},
    ),
    "one step of a GRU, tanh(0.35) printed 0.337 (click4ai)": (
        """
values:
  x: [1.0, 0.5]
  h_0: [0, 0]
  W_z: [[0.3, 0.2, 0.1, 0.4], [0.1, 0.5, 0.3, 0.2]]
  W_r: [[0.2, 0.4, 0.3, 0.1], [0.4, 0.1, 0.2, 0.3]]
  W_h: [[0.5, 0.1, 0.2, 0.3], [0.2, 0.3, 0.4, 0.1]]
equations:
  - u = concat(x, h_0)
  - z = sigmoid(W_z @ u)
  - r = sigmoid(W_r @ u)
  - c = tanh(W_h @ concat(x, r * h_0))
  - h = (1 - z) * h_0 + z * c
""",
        """
answers: {z: [0.599, 0.587], r: [0.599, 0.611], c: [0.500, 0.337], h: [0.300, 0.198]}
""",
        set(),
    ),
    "one step of an LSTM (click4ai)": (
        """
values:
  x: [1.0, 0.5]
  h_0: [0, 0]
  c_0: [0, 0]
  W_f: [[0.5, 0.3, 0.1, 0.2], [0.1, 0.4, 0.2, 0.3]]
  W_i: [[0.2, 0.1, 0.3, 0.4], [0.3, 0.2, 0.1, 0.5]]
  W_g: [[0.4, 0.2, 0.1, 0.3], [0.2, 0.5, 0.3, 0.1]]
  W_o: [[0.1, 0.3, 0.2, 0.4], [0.4, 0.1, 0.3, 0.2]]
equations:
  - u = concat(x, h_0)
  - f = sigmoid(W_f @ u)
  - i = sigmoid(W_i @ u)
  - g = tanh(W_g @ u)
  - o = sigmoid(W_o @ u)
  - c = f * c_0 + i * g
  - h = o * tanh(c)
""",
        """
answers: {f: [0.657, 0.574], i: [0.562, 0.599], g: [0.462, 0.422], o: [0.562, 0.611],
  c: [0.260, 0.253], h: [0.143, 0.151]}
""",
        set(),
    ),
    "a policy gradient with returns made standard (circuitnotion)": (
        """
values:
  W: [[-0.197, 0.093], [-0.140, 0.161], [0.116, -0.133]]
  X: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
  A: [[0, 1], [0, 1], [0, 1]]
  r: [-0.1, -0.1, -0.1, 1.0]
  gamma: 0.95
equations:
  - G_4 = r[4]
  - for t in 3..1:
      - G_t = r[t] + gamma * G_{t+1}
  - G = [G_1, G_2, G_3, G_4]
  - mu = mean(G)
  - s = sqrt(mean((G - mu)^2))
  - R = (G - mu) / s
  - P = softmax(X @ W, axis=1)
  - L = -sum(R[1:3] * sum(A * log(P), axis=1))
train: [W]
""",
        """
answers:
  G_1: 0.572125
  G_2: 0.7075
  G_3: 0.85
  mu: 0.78240625
  s: 0.159
  R: [-1.32, -0.47, 0.42, 1.37]
  P: [[0.428, 0.572], [0.425, 0.575], [0.562, 0.438]]
  dL/dW: [[-0.565, 0.565], [-0.199, 0.199], [0.236, -0.236]]
""",
        set(),
    ),
    "a look ahead by Nesterov (lexailabs)": (
        """
values: {x: 1.0}
equations: [L = 1/2 * x^2]
train: [x]
update: {rule: nesterov, form: paper, learning_rate: 0.01, beta: 0.9, state: {v_x: -0.1}}
""",
        """
answers: {x_new: 0.9009}
""",
        set(),
    ),
    "dropout turned over (lexailabs)": (
        """
values: {x: [1, 2, 3, 4], m: [1, 0, 1, 0], p: 0.5}
equations: [y = x * m / (1 - p)]
upstream: {y: [0.1, 0.2, 0.3, 0.4]}
""",
        """
answers: {y: [2, 0, 6, 0], dL/dx: [0.2, 0, 0.6, 0]}
""",
        set(),
    ),
    "two layers with a row of scores, twelve digits (a notebook on CS231n)": (
        """
x: [[16, -6]]
y: [[0, 0, 1]]
convention: {affine: x W + b, output_gradient: fused}
layers:
  - {weights: [[0.18, 0.04], [0.1, 0.22]], bias: [0, 0], activation: relu}
  - {weights: [[0.19, -0.1, 0.1], [-0.02, -0.01, 0.04]], bias: [0, 0, 0], activation: softmax}
loss: cross-entropy
""",
        """
answers:
  H1: [[2.28, 0]]
  Z2: [[0.4332, -0.228, 0.228]]
  L: 1.051375468504
  dL/dZ2: [[0.429052723714, 0.221490524653, -0.650543248367]]
  dL/dW2: [[0.978240210068, 0.504998396209, -1.483238606277], [0, 0, 0]]
  dL/db2: [0.429052723714, 0.221490524653, -0.650543248367]
  dL/dH1: [[-0.005683359796, -0.036817689655]]
  dL/dZ1: [[-0.005683359796, 0]]
  dL/dW1: [[-0.09093376, 0], [0.03410016, 0]]
  dL/db1: [-0.00568336, 0]
""",
        set(),
    ),
    "four epochs of a perceptron that is on above 0 alone (City, INM427)": (
        """
convention: {affine: x W^T + b, bias: first, kinks: {step_at_zero: 0}}
x: [[0, 0], [0, 1], [1, 0], [1, 1]]
y: [0, 1, 1, 1]
layers: [{weights: [[-2, -2, 0]], activation: step}]
update: {rule: perceptron, learning_rate: 1, steps: 16, batches: 1}
""",
        """
answers: {W1_new: [[-2, -2, 0]], W1_new@2: [[-1, -2, 1]], W1_new@3: [[0, -1, 1]],
  W1_new@4: [[1, 0, 2]], W1_new@5: [[0, 0, 2]], W1_new@7: [[1, 1, 2]], W1_new@9: [[0, 1, 2]],
  W1_new@16: [[0, 1, 2]]}
""",
        set(),
    ),
    "the same with a rate of 0.1 (City, tutorial 3b)": (
        """
convention: {affine: x W^T + b, bias: first}
x: [[0.7, 0.3], [0.4, 0.5], [0.6, 0.9], [0.2, 0.2]]
y: [1, 1, 1, 0]
layers: [{weights: [[-0.5, 0.3, -0.2]], activation: step}]
update: {rule: perceptron, learning_rate: 0.1, steps: 16, batches: 1}
""",
        """
answers: {W1_new: [[-0.4, 0.37, -0.17]], W1_new@2: [[-0.3, 0.41, -0.12]],
  W1_new@3: [[-0.2, 0.47, -0.03]], W1_new@6: [[-0.1, 0.51, 0.02]], W1_new@8: [[-0.2, 0.49, 0.0]],
  W1_new@10: [[-0.1, 0.53, 0.05]], W1_new@12: [[-0.2, 0.51, 0.03]],
  W1_new@16: [[-0.2, 0.51, 0.03]]}
""",
        set(),
    ),
    "a softmax of Wᵀx whose step takes δxᵀ (a template of a course, 2023)": (
        """
values:
  W: [[0.3, 0.1, -2], [-0.6, -0.5, 2], [-1, -0.5, 0.1]]
  x: [1, 3, 0]
  b: [0.1, 0.1, 0.1]
  y: [0, 1, 0]
equations: [p = softmax(W.T @ x + b), L = -sum(y * log(p))]
train: [W, b]
update: {rule: sgd, learning_rate: 0.1}
""",
        """
answers:
  p: [0.00405191, 0.00447805, 0.99147003]
  W_new:
    - [0.29959481, 0.09878443, -2]
    - [-0.50044781, -0.20134342, 2]
    - [-1.099147, -0.79744101, 0.1]
  b_new: [0.09959481, 0.19955219, 0.000853]
""",
        {"W_new"},
    ),
    "a contrastive loss without its half (click4ai)": (
        """
values: {a: [1, 2, 3], b: [4, 5, 6], y: 0, m: 2}
equations:
  - D = norm(a - b)
  - L = (1 - y) * 1/2 * D^2 + y * 1/2 * max(0, m - D)^2
""",
        """
answers: {D: 5.196, L: 27.0}
""",
        {"L"},
    ),
    "a ridge penalty at larger weights (scribd)": (
        """
values: {X: [[1, 2], [2, 3]], y: [3, 5], w: [5, -3], lambda: 0.1}
equations:
  - yhat = X @ w
  - E = mean((y - yhat)^2)
  - L = E + lambda * (w[1]^2 + w[2]^2)
""",
        """
answers: {yhat: [-1, 1], E: 16, L: 19.4}
""",
        set(),
    ),
}


def checked(title: str, folder: Path) -> tuple[backprop.Report, list[str]]:
    problem, sheet, _ = WALKTHROUGHS[title]
    path = folder / "sheet.yaml"
    path.write_text(sheet, encoding="utf-8")
    return backprop.load(problem).check(path), list(yaml.safe_load(sheet)["answers"])


@pytest.mark.parametrize("title", WALKTHROUGHS)
def test_what_is_printed_is_right_or_its_mistake_is_found(title: str, tmp_path: Path) -> None:
    report, printed = checked(title, tmp_path)
    wrong = WALKTHROUGHS[title][2]
    verdicts = {id: report[id].verdict for id in printed}
    assert {id for id, verdict in verdicts.items() if verdict == "wrong"} == wrong
    assert report.first_wrong == next((id for id in printed if id in wrong), None)
    if not wrong:
        assert set(verdicts.values()) <= {"correct", "imprecise"}


def test_the_lost_scaling_of_the_attention_is_a_lost_factor(tmp_path: Path) -> None:
    """The notebook was last run with its scaling by 1/√4 off: every dQ is twice as large."""
    title = next(title for title in WALKTHROUGHS if "attention" in title)
    report, _ = checked(title, tmp_path)
    assert report["dL/dW_Q"].slips == ("factor-two",)


def test_a_loss_of_0_is_printed_as_0_where_floats_leave_a_rest() -> None:
    """x is 4.000000000000001 after two updates: by hand 4, and (4 - 4)² is 0."""
    title = next(title for title in WALKTHROUGHS if "momentum" in title)
    problem = backprop.load(WALKTHROUGHS[title][0])
    assert problem.solve(at=3)["L"] == 0


def test_what_is_trained_and_reached_by_no_gradient_is_named() -> None:
    values, loss = {"w": 2.0, "v": 3.0, "x": 1.0}, "L = (w * x - 1)^2"
    for trained, said in ((["w", "v"], True), (["w"], False)):
        problem = backprop.load({"values": values, "equations": [loss], "train": trained})
        assert ("no gradient reaches v" in problem.solve().render("text")) is said


@pytest.mark.parametrize(
    ("title", "id", "slip"),
    [
        ("error term is y − ŷ", "dL/dZ2", "sign-flipped"),
        ("takes δxᵀ", "W_new", "transpose-omitted"),
        ("without its half", "L", "factor-two"),
    ],
)
def test_the_mistake_of_a_page_has_its_name(title: str, id: str, slip: str, tmp_path: Path) -> None:
    report, _ = checked(next(each for each in WALKTHROUGHS if title in each), tmp_path)
    assert report[id].slips[0] == slip


def test_numbers_within_a_product_come_together() -> None:
    """y * 1/2 is y · ½, and twice its square's derivative has no number left: 2 · y · 1 · …."""
    title = next(title for title in WALKTHROUGHS if "contrastive" in title)
    page = backprop.load(WALKTHROUGHS[title][0]).solve().render("text")
    assert "L = (1 − y) · ½ · D² + y · ½ · max(0, m − D)²" in page
    assert "∂L/∂D = (1 − y) · D − y · max(0, m − D)" in page
