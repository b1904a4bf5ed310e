"""A stacked MLP is its members alone; ResNets have the sizes, counts and gradients of the paper."""

import pytest
import torch
from torch import nn

from qlab.models import MLP, MODELS, ResNet, build
from qlab.models.mlp import StackedBatchNorm

SEEDS = torch.tensor([5, 0, 11])


def _alone(sizes, seed, **options):
    return MLP(sizes, seed=seed, **options).double()


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shared", [True, False])
def test_a_member_of_a_stack_is_the_network_alone(batch_norm, bias, shared):
    sizes, options = (7, 6, 5, 3), {"batch_norm": batch_norm, "bias": bias}
    stack = MLP(sizes, 3, seed=SEEDS, **options).double()
    x = torch.linspace(-2, 2, 3 * 9 * 7, dtype=torch.float64).sin().view(3, 9, 7)
    y = stack(x[0] if shared else x)
    y.square().sum().backward()
    for i, seed in enumerate(SEEDS.tolist()):
        net = _alone(sizes, seed, **options)
        assert all(torch.equal(p[i], q) for p, q in zip(stack.parameters(), net.parameters(), strict=True))
        z = net(x[0 if shared else i])
        z.square().sum().backward()
        torch.testing.assert_close(y[i], z, rtol=0, atol=1e-10)
        for p, q in zip(stack.parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(p.grad[i], q.grad, rtol=0, atol=1e-10)
        for (name, b), c in zip(stack.named_buffers(), net.buffers(), strict=True):
            torch.testing.assert_close(b if "tracked" in name else b[i], c, rtol=0, atol=1e-10)
        stack.eval(), net.eval()
        torch.testing.assert_close(stack(x)[i], net(x[i]), rtol=0, atol=1e-10)
        stack.train()


def test_one_seed_for_a_stack_counts_up():
    stack, net = MLP((4, 3, 2), 3, seed=7), MLP((4, 3, 2), seed=9)
    assert torch.equal(stack.layers[0].weight[2], net.layers[0].weight)


def test_a_stacked_batch_norm_can_average_cumulatively():
    bn = StackedBatchNorm(2, runs=2)
    bn.momentum = None
    x = torch.arange(24.0).view(2, 6, 2)
    bn(x[:, :3]), bn(x[:, 3:])
    torch.testing.assert_close(bn.running_mean, x.mean(1))


def test_construction_leaves_the_global_random_state_alone_and_repeats():
    before = torch.get_rng_state()
    a, b, c = (ResNet(8, seed=s) for s in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert not torch.equal(a.conv.weight, c.conv.weight)


@pytest.mark.parametrize("depth", [8, 14, 20, 32])
@pytest.mark.parametrize("width", [16, 5])
def test_parameter_count_in_closed_form(depth, width):
    n = (depth - 2) // 6
    convs = 27 * width + 9 * width**2 * (2 * n + (2 + 4 * (2 * n - 1)) + (8 + 16 * (2 * n - 1)))
    norms = 2 * width * (1 + 2 * n * (1 + 2 + 4))
    linear = 40 * width + 10
    count = sum(p.numel() for p in ResNet(depth, width=width).parameters())
    assert count == convs + norms + linear
    extra = sum(p.numel() for p in ResNet(depth, width=width, shortcut="B").parameters()) - count
    assert extra == width**2 * (2 + 8) + 2 * width * (2 + 4)


def test_resnet20_has_the_papers_parameters():
    assert sum(p.numel() for p in ResNet(20).parameters()) == 269_722
    assert sum(p.numel() for p in ResNet(20, shortcut="B").parameters()) == 272_474


def test_kaiming_variance_is_two_over_fan_in():
    for layer in (m for m in ResNet(20).modules() if isinstance(m, nn.Conv2d)):
        w = layer.weight
        fan_in = w[0].numel()
        assert (
            abs(w.var().item() * fan_in / 2 - 1) < 5 * (2 / w.numel()) ** 0.5
        )  # five standard deviations of a variance
        assert w.std() > 0


def test_shortcut_a_takes_every_second_pixel_and_adds_zero_channels():
    shortcut = ResNet(8, width=2).blocks[1].shortcut
    x = torch.arange(2 * 2 * 4 * 4.0).view(2, 2, 4, 4)
    y = shortcut(x)
    assert torch.equal(y[:, :2], x[:, :, ::2, ::2])
    assert y.shape == (2, 4, 2, 2)
    assert not y[:, 2:].any()


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_channels_last_is_a_layout_only(shortcut):
    net = ResNet(8, width=4, shortcut=shortcut).double()
    x = torch.linspace(-1, 1, 4 * 3 * 64, dtype=torch.float64).cos().view(4, 3, 8, 8)
    y = net(x)
    z = net.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(y, z, rtol=0, atol=1e-10)


def test_act_replaces_every_activation():
    class Count(nn.Module):
        calls = 0

        def forward(self, x):
            Count.calls += 1
            return x.relu()

    net, reference = ResNet(14, width=4, act=Count), ResNet(14, width=4)
    x = torch.linspace(-1, 1, 2 * 3 * 64).cos().view(2, 3, 8, 8)
    assert torch.equal(net(x), reference(x))
    assert Count.calls == 1 + 2 * 6


@pytest.mark.parametrize("name", MODELS[:5])
def test_every_name_builds_and_takes_images(name):
    net = build(name, shape=(1, 8, 8), classes=4, width=4)
    assert net(torch.zeros(3, 1, 8, 8)).shape == (3, 4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: build("resnet21", shape=(3, 8, 8), classes=2), ["resnet21", "resnet20", "did you mean"]),
        (lambda: build("resnet20", shape=(64,), classes=2), ["images", "(64,)"]),
        (lambda: build("resnet20", shape=(3, 8, 8), classes=2, runs=3), ["runs=3", "mlp"]),
        (lambda: ResNet(21), ["depth=21", "20"]),
        (lambda: ResNet(20, width=0), ["width=0"]),
        (lambda: ResNet(20, shortcut="C"), ["'C'", "A, B"]),
        (lambda: MLP((3,)), ["(3,)"]),
        (lambda: MLP((3, 2), -1), ["runs=-1"]),
        (lambda: MLP((3, 2), 2, seed=torch.arange(3)), ["(3,)", "runs=2"]),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize("name", ["mlp", "resnet8"])
def test_a_width_of_0_is_not_the_default_width(name):
    with pytest.raises(ValueError, match=r"width=0|sizes="):
        build(name, shape=(1, 8, 8), classes=10, width=0)
