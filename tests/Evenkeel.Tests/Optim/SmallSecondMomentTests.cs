using Evenkeel.Optim;
using Xunit;

namespace Evenkeel.Tests.Optim;

/// <summary>
/// Optimizers where the second moment of the gradient, which they divide by the root of, is small, 0 or no normal
/// number.
/// </summary>
public sealed class SmallSecondMomentTests
{
    /// <summary>
    /// Of float32: g - a of 5e-5 at a = 0.1 loses 7e-9 of each, and a collects such errors over 1 / (1 - α) steps.
    /// </summary>
    private const double SingleTolerance = 1e-2;

    /// <summary>Of float64, with the same reasoning: 1e-17 / 5e-5.</summary>
    private const double DoubleTolerance = 1e-9;

    /// <summary>
    /// A second moment of one or two of the type's smallest numbers is off by up to a half of it, and its root by less
    /// than that.
    /// </summary>
    private const double DenormalTolerance = 1.5;

    public static TheoryData<string, DType> Dividing
    {
        get
        {
            var data = new TheoryData<string, DType>();
            string[] names = ["adam", "adam amsgrad", "adamw", "nadam", "adagrad", "plain", "momentum", "centred",
                "centred momentum"];
            foreach (string name in names)
            {
                data.Add(name, DType.Float32);
                data.Add(name, DType.Float64);
            }

            return data;
        }
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Centred_RMSprop_follows_the_variance_of_nearly_constant_gradients(DType dtype)
    {
        const double alpha = 0.99, eps = 1e-8, rate = 1e-2;
        var parameter = new Parameter(Tensor.Zeros([1], dtype));
        var optimizer = new RMSprop([parameter], centered: true);
        double mean = 0, variance = 0;
        for (int t = 0; t < 3000; t++)
        {
            double gradient = t % 2 == 0 ? 0.1001 : 0.1, deviation = gradient - mean;
            mean += (1 - alpha) * deviation;
            variance = alpha * (variance + (1 - alpha) * deviation * deviation);
            double expected = -rate * gradient / (Math.Sqrt(variance) + eps);
            parameter.Value.Fill(0);
            OptimizerTests.SetGradient(parameter, _ => gradient);
            optimizer.Step();
            double step = parameter.Value.Item();
            Assert.True(Math.Abs(step) <= 20.1, $"a step of {step} at {t}");
            double tolerance = dtype == DType.Float32 ? SingleTolerance : DoubleTolerance;
            Assert.True(Math.Abs(step / expected - 1) <= tolerance,
                $"expected a step of {expected} at {t}, got {step}");
        }
    }

    [Theory]
    [MemberData(nameof(Dividing))]
    public void Without_eps_a_zero_gradient_is_no_step(string name, DType dtype)
    {
        foreach (double eps in new[] { 0, 1e-50, double.Epsilon })
        {
            // 19 elements: a whole pack and a partial one; one of them has gradients, so that the others are its
            // neighbours.
            var parameter = new Parameter(Tensor.Ones([19], dtype));
            Optimizer optimizer = Create(name, parameter, eps);
            for (int t = 0; t < 3; t++)
            {
                OptimizerTests.SetGradient(parameter, static i => i == 4 ? 1 : 0);
                optimizer.Step();
            }

            double[] values = parameter.Value.To(DType.Float64).ToArray<double>();
            for (int i = 0; i < values.Length; i++)
            {
                if (i == 4) Assert.InRange(values[i], -1, 0.999);
                else Assert.Equal(1, values[i]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Dividing))]
    public void Without_eps_the_smallest_gradients_give_no_step_or_one_of_the_right_size(string name, DType dtype)
    {
        double[] gradients = dtype == DType.Float32
            ? [1e-45, 1e-42, 1e-39, 1e-38, 1e-30, 1e-25, 1e-23, 3e-23, 1e-22, 3e-22, 8e-22, 1e-21, 1.2e-21, 3e-21,
                1e-20, 1e-19, 1e-15, 1e-5]
            : [5e-324, 1e-320, 1e-310, 1e-308, 1e-200, 1e-165, 1e-162, 3e-162, 5e-161, 7e-161, 1e-160, 1e-158, 1e-155,
                1e-150, 1e-100, 1e-5];
        // The step of the first gradient: lr for Adam and Adagrad, lr / √(1 - α) for RMSprop, lr / √(α(1 - α)) where it
        // is centred. NAdam's two momenta are 0.45, so that 0.1·0.45 / (1 - 0.45²) of the step is added.
        double right = name.StartsWith("ada", StringComparison.Ordinal) ? 0.01
            : name == "nadam" ? 0.01 * (1 + 0.1 * 0.45 / (1 - 0.45 * 0.45))
            : name.StartsWith("centred", StringComparison.Ordinal) ? 0.01 / Math.Sqrt(0.99 * 0.01) : 0.1;
        double normal = dtype == DType.Float32 ? 1.2e-38 : 2.3e-308;
        foreach (double eps in new[] { 0, 1e-50, dtype == DType.Float32 ? 1e-45 : double.Epsilon,
            dtype == DType.Float32 ? 1e-39 : 1e-310, })
        {
            // 0 in Float32.
            if (eps == 1e-50 && dtype == DType.Float64) continue;
            foreach (double gradient in gradients)
            {
                var parameter = new Parameter(Tensor.Zeros([1], dtype));
                Optimizer optimizer = Create(name, parameter, eps);
                OptimizerTests.SetGradient(parameter, _ => gradient);
                optimizer.Step();
                double step = -parameter.Value.Item();
                if (gradient * gradient * 1e-3 > normal) Assert.Equal(1, step / right, SingleTolerance);
                else Assert.True(step == 0 || (step >= right / DenormalTolerance && step <= right * DenormalTolerance),
                    $"{name} {dtype}, eps {eps}, gradient {gradient}: expected 0 or {right}, got {step}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Dividing))]
    public void A_NaN_in_the_gradient_stays_visible(string name, DType dtype)
    {
        foreach (double eps in new[] { 0, 1e-8 })
        {
            var parameter = new Parameter(Tensor.Ones([3], dtype));
            Optimizer optimizer = Create(name, parameter, eps);
            OptimizerTests.SetGradient(parameter, static i => i == 1 ? double.NaN : 1);
            optimizer.Step();
            Assert.Equal([false, true, false],
                parameter.Value.To(DType.Float64).ToArray<double>().Select(double.IsNaN));
        }
    }

    private static Optimizer Create(string name, Parameter parameter, double eps) => name switch
    {
        "adam" => new Adam([parameter], 0.01, eps: eps),
        "adam amsgrad" => new Adam([parameter], 0.01, eps: eps) { AmsGrad = true },
        "nadam" => new NAdam([parameter], 0.01, eps: eps),
        "adagrad" => new Adagrad([parameter], 0.01, eps: eps),
        "adamw" => new AdamW([parameter], 0.01, eps: eps, weightDecay: 0),
        "plain" => new RMSprop([parameter], 0.01, eps: eps),
        "momentum" => new RMSprop([parameter], 0.01, eps: eps, momentum: 0.9),
        "centred" => new RMSprop([parameter], 0.01, eps: eps, centered: true),
        _ => new RMSprop([parameter], 0.01, eps: eps, momentum: 0.9, centered: true),
    };
}
