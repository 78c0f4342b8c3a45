using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Optim;
using Evenkeel.Training;
using Xunit;

namespace Evenkeel.Tests;

/// <summary>What the documentation says an option is unless set is what it is: <c>Default: 0.1.</c></summary>
public sealed partial class DefaultsTests
{
    private static readonly Type[] s_types = typeof(Tensor).Assembly.GetExportedTypes();

    [Fact]
    public void Every_option_says_its_default()
    {
        Type[] options = [.. s_types.Where(type => type.Name.EndsWith("Options", StringComparison.Ordinal))];
        Assert.True(options.Length >= 5);
        Assert.All(options, type =>
        {
            object values = Activator.CreateInstance(type)!;
            foreach (PropertyInfo property in
                type.GetProperties().Where(property => property.SetMethod is { IsPublic: true }))
            {
                AssertSays($"P:{type.FullName}.{property.Name}", "summary", property.GetValue(values));
            }
        });
    }

    [Fact]
    public void Every_setting_of_a_loader_an_optimizer_a_schedule_a_loss_and_a_metric_says_its_default()
    {
        Type[] types =
            [typeof(DataLoader), .. s_types.Where(type => !type.IsAbstract
                && (type.IsSubclassOf(typeof(Optimizer)) || type.IsSubclassOf(typeof(LearningRateScheduler))
                    || type.IsSubclassOf(typeof(Loss)) || type.IsSubclassOf(typeof(Metric))))];
        Assert.True(types.Length >= 29);
        int compared = 0;
        foreach (ConstructorInfo constructor in types.SelectMany(type => type.GetConstructors()))
        {
            string start = $"M:{constructor.DeclaringType!.FullName}.#ctor(";
            ParameterInfo[] arguments = constructor.GetParameters();

            // The other constructors inherit the text of the first.
            XElement? member = LibraryDocumentation.Members
                .Where(entry => entry.Key.StartsWith(start, StringComparison.Ordinal))
                .Select(entry => entry.Value)
                .FirstOrDefault(entry => arguments.All(
                    argument => entry.Elements("param").Any(param => param.Attribute("name")!.Value == argument.Name)));
            if (member is null) continue;
            foreach (ParameterInfo argument in arguments.Where(
                argument => argument.HasDefaultValue && argument.ParameterType != typeof(CancellationToken)))
            {
                object? value = argument.ParameterType.IsEnum
                    ? Enum.ToObject(argument.ParameterType, argument.DefaultValue!)
                    : argument.DefaultValue;
                AssertSays(member.Attribute("name")!.Value, $"param:{argument.Name}", value);
                compared++;
            }
        }

        Assert.True(compared > 45, $"{compared} compared");
        var loader = new DataLoader(new TensorDataset(Tensor.Zeros([2, 1]), Tensor.Labels(0, 1)), 1);
        foreach (string name in new[] { nameof(DataLoader.Prefetch), nameof(DataLoader.DType) })
        {
            AssertSays($"P:{typeof(DataLoader).FullName}.{name}",
                "summary", typeof(DataLoader).GetProperty(name)!.GetValue(loader));
        }
    }

    private static void AssertSays(string member, string part, object? value)
    {
        XElement documentation = LibraryDocumentation.Members[member];
        string text = part.StartsWith("param:", StringComparison.Ordinal)
            ? documentation.Elements("param").Single(param => param.Attribute("name")!.Value == part[6..]).Value
            : documentation.Element(part)!.Value;
        Match said = Said().Match(text);
        string where = $"{member} {part}";
        Assert.True(said.Success, $"{where}: expected 'Default: {Text(value)}.', got none");
        bool isTrue = Number(said.Groups[1].Value) is { } number
            ? number.Equals(Convert.ToDouble(value, CultureInfo.InvariantCulture))
            : said.Groups[1].Value == Text(value);
        Assert.True(isTrue, $"{where}: expected 'Default: {Text(value)}.', got {said.Value}");
    }

    /// <summary>A number, or a fraction such as 1/3; null for other text.</summary>
    private static double? Number(string text)
    {
        string[] parts = text.Split('/');
        var numbers = new double[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]))
                return null;
        }

        return numbers.Aggregate(static (above, below) => above / below);
    }

    private static string Text(object? value) => value switch
    {
        null => "null",
        bool isSet => isSet ? "true" : "false",
        System.Collections.IEnumerable items and not string when !items.Cast<object>().Any() => "none",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    [GeneratedRegex(@"Default:\s+(.+?)[.,;]?(?:\s|$)")]
    private static partial Regex Said();
}
