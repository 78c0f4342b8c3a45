using Evenkeel.Examination;
using Xunit;

namespace Evenkeel.Tests.WithData;

/// <summary>The ways from one preparation of pictures to another, as code.</summary>
public sealed class PreparationsTests
{
    /// <summary>58.395 is 255 times .229, and the means of both cancel.</summary>
    [Fact]
    public void A_shift_that_cancels_is_left_out() => Assert.Equal(
        "x*[58.4, 57.1, 57.4]",
        CodeTo("brought from ImageNet's mean 0 and deviation 1 to 0 to 255 minus ImageNet's mean"));

    /// <summary>x*std + mean takes the standardization back.</summary>
    [Fact]
    public void A_shift_that_stays_is_given_for_each_channel() => Assert.Equal(
        "x*[0.229, 0.224, 0.225] + [0.485, 0.456, 0.406]",
        CodeTo("brought from ImageNet's mean 0 and deviation 1 to 0 to 1"));

    private static string CodeTo(string way) => Preparations
        .For([3, 8, 8], low: -2, high: 2, mean: [0, 0, 0], deviation: [1, 1, 1])
        .First(one => one.Text == way).Code;
}
