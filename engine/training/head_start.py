"""A head that knows something before the rest learns."""

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from engine.models.heads import head_logits
from engine.training.layout import Features

INVERSE_PENALTY = 1.0  # scikit-learn's C: stronger and weaker ones scored within half a point (docs/decisions.md)


def fit_head(model: PreTrainedModel, texts: Features, targets: np.ndarray) -> None:
    """Set the last layer of `model` to logistic regression on what goes into it, in place.

    The rest then learns from a sensible answer instead of a random one, which spares what it knows (Kumar et al. 2022).
    targets: (texts,) class numbers.
    """
    from sklearn.linear_model import LogisticRegression

    last = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == model.config.num_labels][-1]
    seen: list[torch.Tensor] = []
    hook = last.register_forward_pre_hook(lambda module, args: seen.append(args[0].detach()))
    model.eval()
    with torch.no_grad():
        head_logits(model, texts.hidden.to(model.device))
    hook.remove()
    fitted = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit(seen[0].float().cpu().numpy(), targets)
    weights, bias = fitted.coef_, fitted.intercept_
    if len(fitted.classes_) == 2:  # scikit-learn keeps one row for two classes
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    classes = torch.from_numpy(fitted.classes_).to(model.device)
    with torch.no_grad():
        last.weight[classes] = torch.from_numpy(weights).to(last.weight)
        last.bias[classes] = torch.from_numpy(bias).to(last.bias)
