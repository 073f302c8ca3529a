var e=document.querySelector("form[data-post]");performance.getEntriesByType("navigation")[0].type!=="back_forward"&&e.submit();
