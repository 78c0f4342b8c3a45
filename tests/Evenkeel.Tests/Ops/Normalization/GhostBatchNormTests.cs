using Evenkeel.Nn;
using Evenkeel.Random;
using Evenkeel.Tests.Reference;
using Xunit;

namespace Evenkeel.Tests.Ops.Normalization;

/// <summary>Batch norm in virtual batches: each of them is plain batch norm of its own samples.</summary>
public sealed class GhostBatchNormTests
{
    public static TheoryData<int[], int> Batches => new()
    {
        { [8, 5], 4 }, { [9, 70], 3 }, { [400, 65], 150 }, { [7, 3], 5 }, { [6, 3, 4], 2 }, { [5, 3, 4], 2 },
        { [7, 5, 6, 6], 3 }, { [12, 17, 7, 7], 1 }, { [16, 8, 14, 14], 5 }, { [4, 2, 2, 2, 3], 3 },
    };

    [Theory]
    [MemberData(nameof(Batches))]
    public void A_virtual_batch_is_a_batch_of_its_own(int[] shape, int size)
    {
        foreach (bool fuse in new[] { false, true })
        {
            Pass ghost = Pass.Run(
                shape, (x, gamma, beta, running) => x.GhostBatchNorm(size, gamma, beta, running, fuseReLU: fuse));
            Pass parts = Pass.Run(shape, (x, gamma, beta, running) =>
            {
                Tensor[] all = [.. Enumerable.Range(0, (shape[0] + size - 1) / size)
                    .Select(p => x.Slice(0, p * size, Math.Min(size, shape[0] - p * size))
                        .BatchNorm(gamma, beta, running, fuseReLU: fuse))];
                return Tensor.Concat(all, 0);
            });
            // The tape adds the parts' shares in the order of its backward pass, from the last part on.
            Pass.AssertClose(parts.Dgamma, ghost.Dgamma, Tolerances.Float64Sums, "dgamma");
            Pass.AssertClose(parts.Dbeta, ghost.Dbeta, Tolerances.Float64Sums, "dbeta");
            Pass.AssertSameBits(parts, ghost with { Dgamma = parts.Dgamma, Dbeta = parts.Dbeta });
        }
    }

    [Theory]
    [MemberData(nameof(Batches))]
    public void One_virtual_batch_gives_the_bits_of_batch_norm(int[] shape, int size)
    {
        Assert.True(size > 0);
        foreach (int larger in new[] { shape[0], shape[0] + 3, int.MaxValue })
        {
            Pass.AssertSameBits(
                Pass.Run(shape, (x, gamma, beta, running) => x.BatchNorm(gamma, beta, running)),
                Pass.Run(shape, (x, gamma, beta, running) => x.GhostBatchNorm(larger, gamma, beta, running)));
        }
    }

    [Fact]
    public void Gradients_match_differences_in_double()
    {
        foreach ((int[] shape, int size) in new (int[], int)[] { ([7, 5], 5), ([5, 3, 4], 2), ([3, 2, 3, 3], 1) })
        {
            Tensor x = Tensor.RandomNormal(new Shape(shape), new Philox(1), DType.Float64);
            Tensor gamma = Tensor.RandomNormal([shape[1]], new Philox(2), DType.Float64),
                beta = Tensor.RandomNormal([shape[1]], new Philox(3), DType.Float64);
            Assert.True(GradientCheck.Run(v => v[0].GhostBatchNorm(size, v[1], v[2], null), [x, gamma, beta]).Passed);
        }
    }

    [Fact]
    public void A_virtual_batch_of_one_value_is_refused_with_the_true_cause()
    {
        string left = Refused(
            () => new GhostBatchNorm1d(3, 4).Forward(new Tape(Mode.Train).Input(Tensor.Zeros([9, 3]))));
        Assert.StartsWith("GhostBatchNorm: expected more than one value per channel in every virtual batch",
            left, StringComparison.Ordinal);
        Assert.Contains("the last of them with the one that is left", left, StringComparison.Ordinal);
        Assert.Contains(
            "of one sample each",
            Refused(() => new GhostBatchNorm1d(3, 1).Forward(new Tape(Mode.Train).Input(Tensor.Zeros([8, 3])))),
            StringComparison.Ordinal);
        // A batch of one value says whose it is.
        Assert.StartsWith(
            "GhostBatchNorm: expected more than one value per channel, got shape (1, 3)",
            Refused(() => new GhostBatchNorm1d(3, 4).Forward(new Tape(Mode.Train).Input(Tensor.Zeros([1, 3])))),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "BatchRenorm: expected more than one value per channel, got shape (1, 3)",
            Refused(() => new BatchRenorm1d(3).Forward(new Tape(Mode.Train).Input(Tensor.Zeros([1, 3])))),
            StringComparison.Ordinal);
        // One sample of several pixels has a spread, and eval needs none.
        Assert.Equal(new Shape(9, 3, 2),
            new GhostBatchNorm1d(3, 4).Forward(new Tape(Mode.Train).Input(Tensor.Zeros([9, 3, 2]))).Shape);
        Assert.Equal(new Shape(9, 3), new GhostBatchNorm1d(3, 4).Forward(Tensor.Zeros([9, 3])).Shape);
    }

    [Fact]
    public void The_layers_print_and_save_like_batch_norm()
    {
        Assert.Equal(
            "GhostBatchNorm2d(64, virtual_batch_size=32, eps=1e-05, momentum=0.1, affine=True, "
            + "track_running_stats=True)",
            new GhostBatchNorm2d(64, 32).ToString());
        Assert.Equal(["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
            new GhostBatchNorm3d(4, 8).StateDict().Keys);
        Assert.Contains("GhostBatchNorm1d for (N, C)",
            Refused(() => new GhostBatchNorm2d(4, 8).Forward(Tensor.Zeros([8, 4]))), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new GhostBatchNorm1d(3, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Tensor.Zeros([4, 3]).GhostBatchNorm(-1, null, null, null));
    }

    private static string Refused(Action action) => Assert.Throws<ArgumentException>(action).Message;
}
