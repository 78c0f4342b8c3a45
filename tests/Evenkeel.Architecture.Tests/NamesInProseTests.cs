using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace Evenkeel.Architecture.Tests;

/// <summary>
/// Names in backticks in the documents exist: types, members, files, folders. A name that has changed is found here.
/// </summary>
public sealed partial class NamesInProseTests
{
    private const BindingFlags All =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    /// <summary>Names of other programs, and what appears only once something has run.</summary>
    private static readonly HashSet<string> s_foreign = new(StringComparer.Ordinal)
    {
        "DataParallel", "FrozenBatchNorm2d", // PyTorch, torchvision
        "Solver", // CS231n
        "MPI_Allreduce", "MPI_Iallgatherv", "MPI_Ialltoallv", // MPI
        "TensorPrimitives", "TrimmerRootAssembly", // .NET, MSBuild
        "Infinity", // JSON of the lab
        "out/", "obj/",
    };

    private static readonly Type[] s_own = [.. Directory.GetFiles(AppContext.BaseDirectory, "Evenkeel*.dll")
        .SelectMany(static path => Assembly.Load(AssemblyName.GetAssemblyName(path)).GetTypes())];

    private static readonly Type[] s_system = [.. new[]
        { typeof(object), typeof(Enumerable), typeof(HashSet<int>), typeof(Regex), typeof(HttpClient) }
        .SelectMany(static type => type.Assembly.GetExportedTypes())];

    private static readonly ILookup<string, Type> s_types =
        s_own.Concat(s_system).ToLookup(static type => Plain(type.Name), StringComparer.Ordinal);

    private static readonly HashSet<string> s_members = [.. s_own.Concat(s_system).SelectMany(MembersOf)];

    /// <summary>Extension members are compiled into static classes.</summary>
    private static readonly HashSet<string> s_extensions = [.. s_own
        .Where(static type => type is { IsAbstract: true, IsSealed: true })
        .Where(static type => type.GetNestedTypes(All).Any(static inner => inner.IsSpecialName))
        .SelectMany(MembersOf)];

    private static readonly HashSet<string> s_typeParameters =
        [.. s_own.SelectMany(static type => type.GetGenericArguments()).Select(static parameter => parameter.Name)];

    private static readonly string s_tests = string.Concat(Repository.Files
        .Where(static path => path.StartsWith("tests/", StringComparison.Ordinal))
        .Where(static path => path.EndsWith("Tests.cs", StringComparison.Ordinal)).Select(Repository.Text));

    private static readonly HashSet<string> s_files =
        [.. Repository.Files.Select(static path => Path.GetFileNameWithoutExtension(path))];

    public static TheoryData<string> Documents => [.. Repository.Files.Where(static path =>
        path.EndsWith(".md", StringComparison.Ordinal) && path != "CHANGELOG.md")];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Names_in_backticks_exist(string document)
    {
        string prose = FencedCode().Replace(Repository.Text(document), "");
        string[] missing = [.. InlineCode().Matches(prose).Select(static match => match.Groups["code"].Value)
            .Distinct(StringComparer.Ordinal).Where(code => !Exists(code))];
        Assert.True(missing.Length == 0, $"{document} names what does not exist:\n" + string.Join('\n', missing));
    }

    [Theory]
    [InlineData("BatchNorm2d", true)]
    [InlineData("BatchNorm9d", false)]
    [InlineData("Tape.Reset", true)]
    [InlineData("Tape.Rewind", false)]
    [InlineData("model.Predict(images)", true)]
    [InlineData("model.Prophesy(images)", false)]
    [InlineData("RunningAverage.Keep(0.9)", true)]
    [InlineData("Vector512.Exp", true)]
    [InlineData("Shape.cs", true)]
    [InlineData("Shapely.cs", false)]
    [InlineData("tests/Evenkeel.Tests/ReadmeTests.cs", true)]
    [InlineData("tests/ReadmeTests.cs", false)]
    [InlineData("Ops/", true)]
    [InlineData("Operations/", false)]
    [InlineData("System.Random", true)]
    [InlineData("Evenkeel.Nn", true)]
    [InlineData("Evenkeel.Nowhere", false)]
    [InlineData("running_mean", true)]
    public void A_name_exists_if_the_assemblies_or_the_tree_have_it(string code, bool exists) =>
        Assert.Equal(exists, Exists(code));

    private static bool Exists(string code)
    {
        if (s_foreign.Contains(code)) return true;
        if (SourceFile().IsMatch(code)) return IsFile(code);
        if (Folder().IsMatch(code)) return IsFolder(code);
        if (Name().Match(code) is { Success: true } name) return IsName(name.Groups["name"].Value.Split('.'));
        return Call().Matches(code).All(static call => s_members.Contains(call.Groups["member"].Value));
    }

    private static bool IsFile(string path) =>
        Repository.Files.Any(file => file == path || file.EndsWith($"/{path}", StringComparison.Ordinal));

    private static bool IsFolder(string path) =>
        Repository.Files.Any(file => $"/{file}".Contains($"/{path}", StringComparison.Ordinal));

    private static bool IsName(string[] parts)
    {
        if (parts is [{ } only])
        {
            return only.All(static letter => !char.IsLower(letter))
                || s_types.Contains(only) || s_members.Contains(only) || s_typeParameters.Contains(only)
                || s_files.Contains(only)
                || s_own.Any(type => type.Namespace?.EndsWith($".{only}", StringComparison.Ordinal) == true)
                || s_tests.Contains($"void {only}(", StringComparison.Ordinal);
        }

        string full = string.Join('.', parts);
        if (s_files.Contains(full) || s_own.Any(type => type.Namespace == full)) return true;
        if (s_types[parts[^1]].Any(type => $"{type.Namespace}.{parts[^1]}" == full)) return true;
        return s_types[parts[0]].Any(type => MembersOf(type).Contains(parts[1], StringComparer.Ordinal))
            || (s_types.Contains(parts[0]) && s_extensions.Contains(parts[1]));
    }

    private static IEnumerable<string> MembersOf(Type type) => type.GetMembers(All)
        .Concat(type.GetInterfaces().SelectMany(static shared => shared.GetMembers(All)))
        .Select(static member => Plain(member.Name[(member.Name.LastIndexOf('.') + 1)..]));

    private static string Plain(string name) => name.Split('`')[0];

    [GeneratedRegex(
        "^( *)```.*?^ *```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex FencedCode();

    [GeneratedRegex("`(?<code>[^`\n]+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex InlineCode();

    [GeneratedRegex(@"^[\w.-]+(/[\w.-]+)*\.(cs|md|csproj|props|targets|slnx)$", RegexOptions.ExplicitCapture)]
    private static partial Regex SourceFile();

    [GeneratedRegex(@"^[\w.-]+(/[\w.-]+)*/$", RegexOptions.ExplicitCapture)]
    private static partial Regex Folder();

    /// <summary>A type or member, with dots between, maybe with type arguments or a call behind it.</summary>
    [GeneratedRegex(@"^(?:new )?(?<name>[A-Z]\w+(\.[A-Z]\w+)*)(<[\w, ]+>)?(\(.*\))?$", RegexOptions.ExplicitCapture)]
    private static partial Regex Name();

    [GeneratedRegex(@"\b[a-z]\w*\.(?<member>[A-Z][a-z]\w*)", RegexOptions.ExplicitCapture)]
    private static partial Regex Call();
}
