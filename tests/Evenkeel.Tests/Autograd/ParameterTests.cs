using System.Reflection;
using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;

namespace Evenkeel.Tests.Autograd;

/// <summary>A parameter is used like a tensor: in operators, methods and arguments.</summary>
public sealed class ParameterTests
{
    private const BindingFlags Own =
        BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>
    /// To converts a parameter in place; Backward starts at a loss. The tape's part and the
    /// gradient are Parameter's own.
    /// </summary>
    private static readonly string[] s_different = ["To", "Backward", "ToString"];

    private readonly Parameter _gamma = new(Tensor.From(1f, -2f, 3f), "gamma");
    private readonly Parameter _beta = new(Tensor.From(0.5f, 4f, -1f), "beta");

    [Fact]
    public void Every_operator_of_a_tensor_takes_parameters()
    {
        MethodInfo[] operators = [.. typeof(Tensor).GetMethods(Own)
            .Where(method => method.Name.StartsWith("op_", StringComparison.Ordinal))];
        Assert.True(operators.Length >= 13);
        Assert.All(operators, tensor =>
        {
            Type[] operands = [.. tensor.GetParameters().Select(
                operand => operand.ParameterType == typeof(Tensor) ? typeof(Parameter) : operand.ParameterType)];
            MethodInfo? own = typeof(Parameter).GetMethod(tensor.Name, Own, operands);
            Assert.True(own is not null,
                $"Parameter has no {tensor.Name}({string.Join(", ", operands.Select(type => type.Name))})");
            object[] parameters = [.. operands.Select(type => type == typeof(Parameter) ? (object)_gamma : 2.5)];
            object[] tensors = [.. parameters.Select(
                operand => operand is Parameter parameter ? parameter.Value : operand)];
            Assert.Equal(((Tensor)tensor.Invoke(null, tensors)!).ToArray<float>(),
                ((Tensor)own.Invoke(null, parameters)!).ToArray<float>());
        });
    }

    [Fact]
    public void Every_method_of_a_tensor_is_one_of_a_parameter_with_the_same_arguments()
    {
        string[] expected = Signatures(typeof(Tensor)), own = Signatures(typeof(Parameter));
        Assert.True(expected.Length > 50);
        Assert.Empty(expected.Except(own, StringComparer.Ordinal));
    }

    [Fact]
    public void Methods_without_arguments_give_what_the_value_gives()
    {
        MethodInfo[] methods = [.. typeof(Tensor).GetMethods(Own).Where(method => !method.IsStatic
            && !method.IsSpecialName && method.ReturnType == typeof(Tensor) && method.GetParameters().Length == 0)];
        Assert.Contains(methods, method => method.Name == "Square");
        Assert.All(methods, method => Assert.Equal(Values(method.Invoke(_gamma.Value, null)),
            Values(typeof(Parameter).GetMethod(method.Name, Own, [])!.Invoke(_gamma, null))));

        static double[] Values(object? tensor) => ((Tensor)tensor!).To(DType.Float64).ToArray<double>();
    }

    [Fact]
    public void Parameters_mix_with_tensors_and_numbers_on_either_side()
    {
        Tensor x = Tensor.From(2f, 2f, 2f);
        Assert.Equal([1f, 4f, 9f], (_gamma * _gamma).ToArray<float>());
        Assert.Equal([1f, 4f, 9f], _gamma.Square().ToArray<float>());
        Assert.Equal([1.5f, 2f, 2f], (_gamma + _beta).ToArray<float>());
        Assert.Equal([2f, -4f, 6f], (2 * _gamma).ToArray<float>());
        Assert.Equal([2f, -4f, 6f], (_gamma * 2).ToArray<float>());
        Assert.Equal([2f, -4f, 6f], (x * _gamma).ToArray<float>());
        Assert.Equal([2f, -4f, 6f], (_gamma * x).ToArray<float>());
        Assert.Equal([0f, 3f, -2f], (1 - _gamma).ToArray<float>());
        Assert.Equal([-1f, 2f, -3f], (-_gamma).ToArray<float>());
        Assert.Equal(9, Tensor.Concat([_gamma, x, _beta]).Count);
        Assert.Equal([-2f, 3f], _gamma[1..].ToArray<float>());
        Assert.Equal(3, _gamma[^1].Item());
    }

    [Fact]
    public void An_optional_parameter_is_an_optional_tensor()
    {
        Parameter? none = null;
        Tensor? nothing = none;
        Assert.Null(nothing);
        var linear = new Linear(3, 2, bias: false);
        Assert.Equal(new Shape([1, 2]), Tensor.Ones([1, 3]).Linear(linear.Weight, linear.Bias).Shape);
        Assert.Throws<ArgumentNullException>(() => none! * _gamma);
        Assert.Throws<ArgumentNullException>(() => none! + 1);
    }

    [Fact]
    public void On_a_tape_a_parameter_meets_the_tape_of_the_other_operand_and_alone_it_throws()
    {
        var tape = new Tape();
        Tensor x = tape.Input(Tensor.RandomNormal([4, 3], new Philox(1)));
        (x * _gamma * _gamma + _beta).Sum().Backward();
        Tensor expected = x.Sum([0]) * _gamma.Value.Detach() * 2;
        Assert.Equal(expected.ToArray<float>(), _gamma.Gradient!.ToArray<float>(),
            (a, b) => Math.Abs(a - b) < Tolerances.Float32Sums);
        Assert.Equal([4f, 4f, 4f], _beta.Gradient!.ToArray<float>());

        tape.Reset();
        Tensor again = tape.Input(Tensor.Ones([4, 3]));
        Assert.Contains("tape.Watch(parameter)",
            Assert.Throws<InvalidOperationException>(() => again * _gamma.Square()).Message, StringComparison.Ordinal);
        Assert.True((again * tape.Watch(_gamma).Square()).RequiresGradient);
    }

    /// <summary>Name, type and default of each argument.</summary>
    private static string[] Signatures(Type type) => [.. type.GetMethods(Own)
        .Where(method => !method.IsStatic && !method.IsSpecialName && !s_different.Contains(method.Name))
        .Select(
            method => $"{method.ReturnType} {method.Name}({string.Join(", ", method.GetParameters().Select(Text))})")];

    private static string Text(ParameterInfo argument) =>
        $"{argument.ParameterType} {argument.Name} = {argument.RawDefaultValue}";
}
