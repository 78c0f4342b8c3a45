namespace Evenkeel.Nn;

/// <summary>The guards that convolution layers share.</summary>
internal static class ConvolutionArguments
{
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1.</exception>
    /// <exception cref="ArgumentException">The groups do not divide the channels.</exception>
    public static void CheckChannels(string layer, int inChannels, int outChannels, int groups)
    {
        if (inChannels < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(inChannels), $"{layer}: expected 1 or more input channels, got {inChannels}.");
        }

        if (outChannels < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(outChannels), $"{layer}: expected 1 or more output channels, got {outChannels}.");
        }

        if (groups < 1)
            throw new ArgumentOutOfRangeException(nameof(groups), $"{layer}: expected 1 or more groups, got {groups}.");
        if (inChannels % groups != 0)
        {
            throw new ArgumentException(
                $"{layer}: expected input channels that {groups} groups divide, got {inChannels}.", nameof(groups));
        }

        if (outChannels % groups != 0)
        {
            throw new ArgumentException(
                $"{layer}: expected output channels that {groups} groups divide, got {outChannels}.", nameof(groups));
        }
    }
}
