using System.Reflection;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>What holds for every public method of the library.</summary>
public sealed class PublicFaceTests
{
    private static readonly Type[] s_types = typeof(Tensor).Assembly.GetExportedTypes();

    private static readonly MethodBase[] s_methods = [.. s_types.SelectMany(type => type
        .GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
        .OfType<MethodBase>())];

    [Fact]
    public void Fusing_a_ReLU_is_nobodys_argument()
    {
        Assert.True(s_methods.Length > 500);
        Assert.DoesNotContain(s_methods, method => method.GetParameters()
            .Any(argument => argument.Name?.Contains("fuse", StringComparison.OrdinalIgnoreCase) == true));
    }

    [Fact]
    public void Cancellation_is_the_last_argument_and_has_one_name()
    {
        MethodBase[] cancellable = [.. s_methods.Where(method => method.GetParameters().Any(IsToken))];
        string[] expected =
        [
            "Fit", "Evaluate", "Predict", "Recalibrate", "Parameters", "Run", "NumericalGradient", "FetchAsync",
            ".ctor",
        ];
        Assert.Empty(expected.Except(cancellable.Select(method => method.Name)));
        Assert.All(cancellable, method =>
        {
            ParameterInfo last = method.GetParameters()[^1];
            string where = $"{method.DeclaringType}.{method.Name}";
            Assert.True(IsToken(last) && method.GetParameters().Count(IsToken) == 1,
                $"{where}: the token is not the last argument");
            Assert.True(last.Name == "cancellationToken" && last.IsOptional,
                $"{where}: expected an optional cancellationToken, got {last.Name}");
        });
        Assert.DoesNotContain(s_types.SelectMany(type => type.GetProperties()),
            property => property.PropertyType == typeof(CancellationToken));

        static bool IsToken(ParameterInfo argument) => argument.ParameterType == typeof(CancellationToken);
    }

    [Fact]
    public void Kernels_have_no_public_type() =>
        Assert.DoesNotContain(s_types, type => type.Namespace == "Evenkeel.Kernels");
}
