"""A backbone of somebody else, without anything that streaming needs."""

import torch
from mmengine.model import BaseModule
from torch import nn

from mobind_mm.registry import MODELS


@MODELS.register_module()
class StrangerGRU(BaseModule):
    def __init__(self, in_channels, rate, window_sec=5.0, embed_dims=16):
        super().__init__()
        self.rate, self.embed_dims = rate, embed_dims
        self.num_samples = round(window_sec * rate)
        self.num_tokens = round(window_sec / 0.2)
        samples = self.num_samples // self.num_tokens
        self.embed = nn.Linear(in_channels * samples, embed_dims)
        self.gru = nn.GRU(embed_dims, embed_dims, batch_first=True)

    def token_mask(self, mask):
        return mask.unflatten(1, (self.num_tokens, -1)).any(dim=2)

    def forward(self, x, mask=None):
        if mask is None:
            mask = x.new_ones(len(x), self.num_tokens, dtype=torch.bool)
        x = x.unflatten(2, (self.num_tokens, -1)).transpose(1, 2).flatten(2)
        tokens, _ = self.gru(self.embed(x) * mask[..., None])
        weights = mask / mask.sum(dim=1, keepdim=True)
        return tokens, (tokens * weights[..., None]).sum(dim=1)
