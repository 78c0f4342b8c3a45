using Evenkeel.Losses;
using Xunit;

namespace Evenkeel.Tests.Losses;

public sealed class LossTests
{
    private static readonly double[] s_scores = [1, 2, 0.5, -1, 3, 0];

    [Fact]
    public void Cross_entropy_is_the_mean_of_minus_LogSoftmax()
    {
        double first = Math.Log(Math.Exp(1) + Math.Exp(2) + Math.Exp(0.5)) - 2,
            second = Math.Log(Math.Exp(-1) + Math.Exp(3) + 1) - 0;
        Check(new CrossEntropyLoss(), Tensor.Labels(1, 2), (first + second) / 2);
    }

    // Row 0, label 1: max(0, 1-2+1) + max(0, 0.5-2+1) = 0. Row 1, label 2: max(0, -1-0+1) + max(0, 3-0+1) = 4.
    [Fact]
    public void MultiClassHinge_is_the_notebooks_SVM_loss() => Check(new MultiClassHingeLoss(), Tensor.Labels(1, 2), 2);

    [Fact]
    public void MSE_is_the_mean_of_squares() =>
        Check(new MSELoss(), Tensor.From([0.0, 0, 0.5, 0, 0, 0], [2, 3]), (1 + 4 + 1 + 9) / 6.0);

    private static void Check(Loss loss, Tensor target, double expected)
    {
        var parameter = new Parameter(Tensor.From(s_scores, [2, 3]));
        var tape = new Tape();
        Tensor value = loss.Forward(tape.Watch(parameter), target);
        Assert.Equal(expected, value.Item(), Tolerances.Float64Steps);
        value.Backward();
        Assert.NotNull(parameter.Gradient);
        Assert.Throws<ArgumentNullException>(() => loss.Forward(null!, target));
    }
}
