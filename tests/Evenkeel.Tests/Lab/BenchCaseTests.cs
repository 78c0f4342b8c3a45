using Evenkeel.Cli.Bench;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class BenchCaseTests
{
    [Fact]
    public void The_vocabulary_is_the_peers()
    {
        Assert.Equal(85, BenchCase.All.Count);
        Assert.Equal("batchnorm/train-forward/5x100", BenchCase.All[0].Name);
        Assert.Equal("step/lenet-relu-batchnorm-16", BenchCase.All[^1].Name);
    }

    [Theory]
    [InlineData("batchnorm/train-forward/5x100", 4000)]
    [InlineData("batchnorm/forward-backward/5x100", 10000)]
    [InlineData("upsample-bilinear2/forward-backward/1x2x3x4", 960)]
    [InlineData("maxpool2d/forward-backward/1x2x4x6-k2s2p0", 2 * 4 * (48 + 12))]
    [InlineData("avgpool3d/forward-backward/1x2x3x4x6-k3s2p1", 2 * 4 * (144 + 24))]
    [InlineData("adaptive-maxpool2d/forward-backward/1x2x4x6-3", 2 * 4 * (48 + 18))]
    [InlineData("matmul/2x3x4", 48)]
    [InlineData("conv2d/forward-backward/1x1x3x3-1k3s1p0", 3 * 2 * 9)]
    [InlineData("conv3d/forward-backward/1x2x3x3x3-1k3s1p1", 3 * 2 * 2 * 27 * 27)]
    [InlineData("convtranspose2d/forward-backward/1x2x3x4-5k2s2p0", 3 * 2 * 2 * 5 * 12 * 4)]
    [InlineData("step/fcn-none-1", 2.0 * (2 * 307200 + 3 * 41000))]
    public void Work_is_what_no_implementation_can_avoid(string name, double expected) =>
        Assert.Equal(expected, new BenchCase(name).Work);

    [Fact]
    public void Every_case_whose_layer_exists_runs()
    {
        foreach (string name in (string[])[
            "batchnorm/forward-backward/4x3x5x5", "batchnorm/eval-forward/4x3",
            "batchnorm-relu/forward-backward/4x3x5x5", "syncbatchnorm2/forward-backward/4x3x5x5",
            "layernorm/forward/4x8", "groupnorm8/forward-backward/2x16x3x3", "instancenorm/forward-backward/2x3x4x4",
            "rmsnorm/forward-backward/4x8", "silu/forward-backward/4x8", "gelu/forward-backward/4x8",
            "upsample-bilinear2/forward-backward/2x3x4x5", "maxpool2d/forward-backward/2x3x5x5-k3s2p1",
            "maxpool3d/forward-backward/2x3x4x5x5-k2s2p0", "avgpool2d/forward-backward/2x3x5x5-k3s1p1",
            "avgpool3d/forward-backward/2x3x4x5x5-k3s2p1", "adaptive-maxpool2d/forward-backward/2x3x5x5-3",
            "adaptive-avgpool2d/forward-backward/2x3x5x5-1", "matmul/3x4x5", "conv2d/forward-backward/2x3x5x5-4k3s1p1",
            "convtranspose2d/forward-backward/2x3x5x5-4k4s2p1", "conv3d/forward-backward/2x3x4x5x5-4k3s2p1",
            "step/fcn-batchnorm-5", "step/lenet-sigmoid-batchnorm-4",
            "step/lenet-sigmoid-none-3", "step/lenet-relu-batchnorm-4", "infer/lenet-relu-batchnorm-2",
            "infer/lenet-relu-batchnorm-folded-2"])
        {
            Action? work = Workloads.Create(new BenchCase(name));
            Assert.NotNull(work);
            work();
            work();
        }
    }
}
