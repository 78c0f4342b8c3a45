using System.Collections;
using System.Reflection;

namespace Evenkeel.Nn;

/// <summary>
/// Refuses the copy of a module that would go on using the original's modules, parameters or tensors, through a field
/// that <see cref="ModuleCopier"/> does not know how to copy.
/// </summary>
internal static class CopyGuard
{
    /// <summary>
    /// Checks that no field of the copy holds an object of the original that leads to modules of the original.
    /// </summary>
    /// <exception cref="InvalidOperationException">A field does; the text names it.</exception>
    public static void Refuse(Module module, Module copy)
    {
        foreach (FieldInfo field in ModuleCopier.FieldsOf(module))
        {
            if (field.GetValue(module) is not { } held || IsPartOfNetwork(held.GetType())) continue;
            object? now = field.GetValue(copy);
            if (!(held is ValueType ? held.Equals(now) : ReferenceEquals(held, now)) || !Holds(held)) continue;
            throw new InvalidOperationException(
                "Module.Clone: expected modules, parameters and tensors in fields, arrays and lists, got "
                + $"{module.TypeName}.{ModuleCopier.NameOf(field)} of type {ModuleCopier.NameOf(held.GetType())}, "
                + "which holds some in another way; the copy would use the original's. "
                + "Override CopyState in the module and set the field there.");
        }
    }

    /// <summary>Whether an object may lead to modules, parameters or tensors.</summary>
    public static bool Holds(object value) => value switch
    {
        Delegate function => function.GetInvocationList()
            .Any(static part => part.Target is { } target && MayHold(target.GetType())),
        ValueType => !value.GetType().IsPrimitive && ModuleCopier.DeclaredBy(value.GetType())
            .Any(field => field.GetValue(value) is { } held && Holds(held)),
        IList list => MayHold(value.GetType())
            || list.Cast<object?>().Any(static held => held is not null && Holds(held)),
        _ => MayHold(value.GetType()),
    };

    /// <summary>Whether a type is one of these, or the declared types of its fields lead to one.</summary>
    public static bool MayHold(Type start)
    {
        var seen = new HashSet<Type>();
        var open = new Stack<Type>([start]);
        while (open.TryPop(out Type? type))
        {
            if (IsPartOfNetwork(type)) return true;
            if (!seen.Add(type) || type.IsPrimitive || type.IsEnum || type.IsAssignableTo(typeof(Delegate))) continue;
            if (type.HasElementType) open.Push(type.GetElementType()!);
            foreach (Type argument in type.GetGenericArguments()) open.Push(argument);
            // The framework's own types hold parts of a network only if their type arguments say so.
            for (Type? t = type; t is not null && t.Assembly != typeof(object).Assembly; t = t.BaseType)
            {
                foreach (FieldInfo field in ModuleCopier.DeclaredBy(t)) open.Push(field.FieldType);
            }
        }

        return false;
    }

    private static bool IsPartOfNetwork(Type type) =>
        type.IsAssignableTo(typeof(Module)) || type == typeof(Parameter) || type == typeof(StateBuffer)
        || type == typeof(RunningStatistics) || type == typeof(Tensor);
}
