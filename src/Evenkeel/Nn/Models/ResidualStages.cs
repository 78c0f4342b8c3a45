using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>What the residual networks share: their checks, and stages of <see cref="BasicBlock"/>s.</summary>
internal static class ResidualStages
{
    /// <summary>Refuses sides and norms that no network has.</summary>
    /// <param name="type">The network.</param>
    /// <param name="side">Rows and columns of an image.</param>
    /// <param name="norm">The kind of norm.</param>
    /// <param name="parameter">The parameter that holds both.</param>
    public static void Check(string type, int side, NormKind norm, string parameter)
    {
        if (side < 1)
        {
            throw new ArgumentOutOfRangeException(
                parameter, $"{type}: expected images of 1 or more pixels a side, got {side}.");
        }

        if (norm is null)
        {
            throw new ArgumentException(
                $"{type}: expected a kind of norm, got null. NormKind.None makes a network without norms.", parameter);
        }
    }

    /// <summary>
    /// Adds <c>layer1</c>, <c>layer2</c>, ...: each stage but the first begins with stride 2 and has twice the
    /// channels.
    /// </summary>
    /// <param name="add">Adds a stage by its name.</param>
    /// <param name="blocksOfStages">Blocks of each stage.</param>
    /// <param name="width">Channels of the input and of the first stage.</param>
    /// <param name="side">Rows and columns of the input.</param>
    /// <param name="norm">The normalization after each convolution.</param>
    /// <param name="random">The stream of the start values.</param>
    /// <returns>Channels of the output.</returns>
    public static int Add(
        Action<string, Module> add, ReadOnlySpan<int> blocksOfStages, int width, int side, NormKind norm,
        IRandomStream random)
    {
        int channels = width;
        for (int stage = 0; stage < blocksOfStages.Length; stage++)
        {
            var blocks = new Sequential();
            for (int block = 0; block < blocksOfStages[stage]; block++)
            {
                int stride = stage > 0 && block == 0 ? 2 : 1, outChannels = width << stage;
                blocks.Add(new BasicBlock(channels, outChannels, side, stride, norm, random));
                (channels, side) = (outChannels, BasicBlock.OutSide(side, stride));
            }

            add($"layer{stage + 1}", blocks);
        }

        return channels;
    }

    /// <summary>Refuses inputs of another shape than (N, channels, side, side).</summary>
    /// <param name="type">The network.</param>
    /// <param name="x">The input.</param>
    /// <param name="channels">Channels of an image.</param>
    /// <param name="side">Rows and columns of an image.</param>
    public static void CheckInput(string type, Tensor x, int channels, int side)
    {
        if (x.Shape.Rank == 4 && x.Shape[1] == channels && x.Shape[2] == side && x.Shape[3] == side) return;
        throw new ArgumentException(
            $"{type}: expected (N, {channels}, {side}, {side}), got {x.Shape}. "
            + $"Resize the images, or create the network with their channels and side.",
            nameof(x));
    }
}
