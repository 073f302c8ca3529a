var{token:e,account:o}=document.querySelector("main").dataset;e?IdentityProvider.resolve(e,{accountId:o}).catch(()=>{}):IdentityProvider.close();
