using System.Globalization;
using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// Group normalization: y = gamma·(x - mean)/sqrt(var + eps) + beta, mean and (biased) variance of each sample's groups
/// of C/G neighbouring channels.
/// </summary>
/// <remarks>
/// <para>Input: (N, C) or (N, C, ...), or with channels last (N, ..., C), which are moved to dimension 1 and back;
/// output: the same shape. No running statistics: train and eval are the same, and a batch of one is fine. One group
/// normalizes a sample as a whole, C groups each channel by itself.</para>
/// <para>A group needs more than one value: with exactly one the output would be beta whatever the input. PyTorch says
/// so for a batch of one only; here it is an error for every batch.</para>
/// <para>State-dict keys: <c>weight</c> (gamma) and <c>bias</c> (beta), one value per channel.</para>
/// <para>Source: Wu and He, "Group Normalization", ECCV 2018; semantics of PyTorch's <c>torch.nn.GroupNorm</c>.</para>
/// </remarks>
public sealed class GroupNorm : Module, IFusesReLU, IInitializable, INormalization
{
    /// <summary>Creates the layer with PyTorch's arguments.</summary>
    /// <param name="numGroups">Number of groups G; the paper's choice is 32.</param>
    /// <param name="numChannels">Number of channels C, a multiple of the groups.</param>
    /// <param name="eps">Added to the variance; 0 or more.</param>
    /// <param name="affine">Whether gamma and beta are learned; without them they are 1 and 0.</param>
    /// <param name="channelAxis">
    /// The dimension of the channels: 1, as in PyTorch, or another one except 0; negative ones count from the end, -1
    /// is channels last.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// No groups, no channels, a negative or NaN eps, or channels in dimension 0.
    /// </exception>
    /// <exception cref="ArgumentException">The groups do not divide the channels.</exception>
    public GroupNorm(int numGroups, int numChannels, double eps = 1e-5, bool affine = true, int channelAxis = 1)
    {
        if (channelAxis == 0)
        {
            throw new ArgumentOutOfRangeException(nameof(channelAxis),
                "GroupNorm: expected the channels in another dimension than 0, which holds the samples. "
                + "1 is PyTorch's, -1 is channels last.");
        }

        if (numGroups <= 0)
        {
            throw new ArgumentOutOfRangeException(nameof(numGroups),
                $"GroupNorm: expected at least one group, got {numGroups}. 1 normalizes a sample as a whole.");
        }

        NormChecks.Features("GroupNorm", numChannels);
        NormChecks.Eps("GroupNorm", eps);
        if (numChannels % numGroups != 0)
        {
            throw new ArgumentException(
                $"GroupNorm: expected a number of channels that is a multiple of the groups, got {numChannels} "
                + $"channels and {numGroups} groups. Use a number of groups that divides {numChannels}.",
                nameof(numChannels));
        }

        (NumGroups, NumChannels, Eps, ChannelAxis) = (numGroups, numChannels, eps, channelAxis);
        if (!affine) return;
        Weight = Register("weight", Tensor.Ones([numChannels]), ParameterRole.NormScale);
        Bias = Register("bias", Tensor.Zeros([numChannels]), ParameterRole.NormShift);
    }

    /// <summary>Number of groups G.</summary>
    public int NumGroups { get; }

    /// <summary>Number of channels C.</summary>
    public int NumChannels { get; }

    /// <summary>The value that is added to the variance.</summary>
    public double Eps { get; }

    /// <summary>The dimension of the channels; negative ones count from the end.</summary>
    public int ChannelAxis { get; }

    /// <summary>gamma, one value per channel, 1 at first; null with <c>affine: false</c>.</summary>
    public Parameter? Weight { get; }

    /// <summary>beta, one value per channel, 0 at first; null with <c>affine: false</c>.</summary>
    public Parameter? Bias { get; }

    /// <summary>PyTorch's spelling of the settings.</summary>
    public override string ToString() =>
        $"GroupNorm({NumGroups}, {NumChannels}, eps={PythonNumber.Format(Eps)}, "
        + $"affine={PythonNumber.Format(Weight is not null)}"
        + $"{(ChannelAxis == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", channel_axis={ChannelAxis}"))})";

    /// <inheritdoc/>
    Tensor IFusesReLU.ForwardWithReLU(Tensor x) => Normalize(x, fuseReLU: true);

    /// <summary>Whatever the scheme is, gamma becomes 1 and beta 0.</summary>
    void IInitializable.SetStartValues(Init init, IRandomStream random)
    {
        Weight?.Value.Fill(1);
        Bias?.Value.Fill(0);
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => Normalize(x, fuseReLU: false);

    private Tensor Normalize(Tensor x, bool fuseReLU)
    {
        int rank = x.Shape.Rank, axis = ChannelAxis < 0 ? ChannelAxis + rank : ChannelAxis;
        bool hasAxis = rank >= 2 && axis >= 1 && axis < rank;
        if (!hasAxis || x.Shape[axis] != NumChannels)
        {
            string remedy = hasAxis
                ? $"The channels are dimension {ChannelAxis}; "
                    + $"create the layer with {x.Shape[axis]} channels or fix the layer before it."
                : "Add the missing dimensions with Reshape.";
            string expected = ChannelAxis switch
            {
                1 => $"(N, {NumChannels}) or (N, {NumChannels}, ...)",
                -1 => $"(N, ..., {NumChannels})",
                _ => $"samples in dimension 0 and {NumChannels} channels in dimension {ChannelAxis}",
            };
            throw new ArgumentException($"GroupNorm: expected {expected}, got {x.Shape}. {remedy}", nameof(x));
        }

        if (axis == 1) return x.FusedGroupNorm(NumGroups, Weight, Bias, Eps, fuseReLU);
        // The channels move to dimension 1 and back; the others keep their order.
        int[] first = [0, axis, .. Enumerable.Range(1, rank - 1).Where(i => i != axis)], back = new int[rank];
        for (int i = 0; i < rank; i++) back[first[i]] = i;
        return x.Permute(first).FusedGroupNorm(NumGroups, Weight, Bias, Eps, fuseReLU).Permute(back);
    }
}
