using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Xunit;

namespace Evenkeel.Architecture.Tests;

/// <summary>The C# that the pages show compiles against the library as it is.</summary>
public sealed partial class CodeInProseTests
{
    /// <summary>What the blocks of a page take as given: the objects that its text talks about.</summary>
    private const string Given = """
        internal abstract class Given
        {
            protected static Module model = null!;
            protected static Module[] models = null!;
            protected static Trainer trainer = null!;
            protected static Optimizer optimizer = null!;
            protected static TrainerOptions options = null!;
            protected static TensorDataset training = null!, validation = null!, test = null!;
            protected static Loss loss = null!;
            protected static Tape tape = null!;
            protected static Tensor x = null!, mask = null!, inputs = null!, labels = null!, images = null!;
            protected static Tensor rows = null!, result = null!;
            protected static Tensor[] answers = null!;
            protected static BatchNormalization keras = null!;
            protected static IProgress<TrainProgress> progress = null!;
            protected static CancellationToken cancellationToken;
        }
        """;

    private static readonly Lazy<MetadataReference[]> s_references = new(static () =>
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Select(static path => MetadataReference.CreateFromFile(path))]);

    /// <summary>The using directives of a project with implicit usings, and every namespace of the libraries.</summary>
    private static readonly Lazy<string> s_usings = new(static () =>
    {
        string[] libraries = ["Evenkeel", "Evenkeel.Images", "Evenkeel.Tables", "Evenkeel.Onnx", "Evenkeel.Mpi"];
        IEnumerable<string> own = libraries.SelectMany(static name => Assembly.Load(name).GetExportedTypes())
            .Select(static type => type.Namespace!);
        string[] implicitly = ["System", "System.Collections.Generic", "System.IO", "System.Linq",
            "System.Threading", "System.Threading.Tasks"];
        return string.Concat(implicitly.Concat(own).Distinct().Select(static name => $"global using {name};\n"));
    });

    public static TheoryData<string> Pages => [.. Repository.Files.Where(static path =>
        path.EndsWith(".md", StringComparison.Ordinal) && Blocks(Repository.Text(path)).Length > 0)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void The_code_of_a_page_compiles(string page)
    {
        string[] blocks = Blocks(Repository.Text(page));
        string[] errors = [.. blocks.SelectMany((block, i) =>
            Errors(block).Select(error => $"{page}, block {i + 1}: {error}"))];
        Assert.True(errors.Length == 0, string.Join('\n', errors));
    }

    [Theory]
    [InlineData("model.Predict(images);", 0)]
    [InlineData("model.Forecast(images);", 1)]
    [InlineData("public sealed class Own { public int Size => 1 }", 1)]
    public void A_block_with_a_name_that_the_library_does_not_have_is_found(string block, int errors) =>
        Assert.Equal(errors, Errors(block).Length);

    private static string[] Blocks(string text) =>
        [.. Block().Matches(text).Select(static match => match.Groups["code"].Value)];

    private static string[] Errors(string block)
    {
        CompilationUnitSyntax unit = CSharpSyntaxTree.ParseText(block).GetCompilationUnitRoot();
        // Statements become the body of a method that sees what is given.
        string code = unit.Members.Any(static member => member is GlobalStatementSyntax)
            ? $"{unit.Usings.ToFullString()}internal sealed class Page : Given {{ public static void Run() {{\n"
                + $"{block[unit.Usings.FullSpan.End..]}\n}} }}"
            : block;
        // The lab shows its own inside, which its tests see.
        var compilation = CSharpCompilation.Create(
            "Evenkeel.Tests",
            [CSharpSyntaxTree.ParseText(s_usings.Value + Given), CSharpSyntaxTree.ParseText(code)],
            s_references.Value,
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));
        return [.. compilation.GetDiagnostics()
            .Where(static one => one.Severity == DiagnosticSeverity.Error)
            .Select(static one => one.ToString())];
    }

    [GeneratedRegex(
        "^```csharp\\r?\\n(?<code>.*?)^```",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Block();
}
