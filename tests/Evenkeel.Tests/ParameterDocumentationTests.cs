using System.Reflection;
using System.Runtime.CompilerServices;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>
/// Who calls the library reads what each argument is. If a method takes one and always needs it, its summary says so.
/// </summary>
public sealed class ParameterDocumentationTests
{
    [Fact]
    public void Every_parameter_of_a_public_method_is_described_or_named_in_the_text_if_there_are_two_or_a_default()
    {
        var silent = new List<string>();
        int read = 0;
        foreach (MethodBase method in typeof(Tensor).Assembly.GetExportedTypes().SelectMany(Declared))
        {
            if (LibraryDocumentation.Of(method) is not { } text || text.Element("inheritdoc") is not null) continue;
            read++;
            HashSet<string> named = [.. text.Descendants()
                .Where(static element => element.Name.LocalName is "param" or "paramref")
                .Select(static element => element.Attribute("name")!.Value)];
            string[] missing = [.. method.GetParameters()
                .Select(static parameter => parameter.Name!)
                .Where(name => !named.Contains(name))];
            if (missing.Length > 0)
                silent.Add($"{LibraryDocumentation.NameOf(method)}: {string.Join(", ", missing)}");
        }

        Assert.True(read > 250, $"{read} methods read");
        Assert.True(
            silent.Count == 0,
            "Describe these parameters with <param>, or name them in the summary with <paramref>:\n"
            + string.Join('\n', silent));
    }

    /// <summary>
    /// What a type itself declares for its callers or heirs, without operators, whose formulas name their operands, and
    /// without what the compiler writes.
    /// </summary>
    private static IEnumerable<MethodBase> Declared(Type type) => type
        .GetMembers(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static
            | BindingFlags.DeclaredOnly)
        .OfType<MethodBase>()
        .Where(static method => (method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly)
            && (method.IsConstructor || !method.IsSpecialName)
            && !method.IsDefined(typeof(CompilerGeneratedAttribute))
            && (method.GetParameters().Length > 1 || method.GetParameters().Any(static given => given.IsOptional)));
}
